"""Every misuse and every mishap that can be cast, each in some variations.

A stranger is allowed what the person may do, and refused the rest. A person who means harm is allowed what their own
rights give, or what somebody gave them by hand before: then that is the cause.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from json import dumps
from typing import Any

from watchbill.sim import ordinary
from watchbill.sim.calls import (
    CREATE_ACCESS_KEY,
    DESCRIBE_DATABASE,
    DESCRIBE_INSTANCES,
    LIST_BUCKETS,
    LIST_USERS,
    MACHINE,
    MODIFY_DATABASE,
    READS,
    REBOOT_DATABASE,
    STOP_INSTANCES,
    TERMINATE_INSTANCES,
    WHO_AM_I,
    Call,
)
from watchbill.sim.clerk import Clerk, Step
from watchbill.sim.events import Caller, SignIn, Written, spelled
from watchbill.sim.labels import Misuse, Nature, Quirk
from watchbill.sim.misuse import (
    ADMINISTRATOR,
    LOOKS,
    OUTSIDE,
    STRANGERS_BROWSER,
    STRANGERS_CLI,
    STRANGERS_SDK,
    More,
    NoCastError,
    Plot,
    Teller,
    Told,
)
from watchbill.sim.ordinary import Company, Desk, iam
from watchbill.sim.people import FOUNDER, Spot, role_of, spot
from watchbill.sim.staff import COVER_FILED, COVER_FROM


_SPRAYER = "python-requests/2.31.0"
_EVERYTHING = dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_DEEDS: tuple[tuple[Call, ...], ...] = (
    (DESCRIBE_DATABASE, MODIFY_DATABASE, REBOOT_DATABASE),
    (DESCRIBE_INSTANCES, STOP_INSTANCES, TERMINATE_INSTANCES),
)


_NARROW = {
    "trailName": "team-trail",
    "eventSelectors": [{"readWriteType": "WriteOnly", "includeManagementEvents": False}],
}
_WORK = (LIST_BUCKETS, DESCRIBE_INSTANCES, DESCRIBE_DATABASE)
"""What everybody of a shift may look at."""

_PARAMETERS = next(call for call in MACHINE if call.name == "GetParameters")


def _does(source: str, name: str, parameters: Mapping[str, Any], response: Mapping[str, Any] | None = None) -> Call:
    return Call(source, name, f"{source}:{name}", read_only=False, parameters=parameters, response=response)


def _secret(rng: random.Random) -> Call:
    return Call("secretsmanager", "GetSecretValue", "secretsmanager:GetSecretValue", read_only=True,
                parameters={"secretId": f"orders/{rng.choice(('db', 'mail', 'pay'))}-{rng.randrange(99)}"})  # fmt: skip


def _soon(rng: random.Random, at: datetime, low: int, high: int) -> datetime:
    return at + timedelta(seconds=rng.randint(low, high))


def _walk(
    clerk: Clerk,
    rng: random.Random,
    caller: Caller,
    calls: Sequence[Call],
    at: datetime,
    pause: tuple[int, int] = (6, 50),
) -> list[Written]:
    """Write calls that AWS allows, one after another."""
    events = list[Written]()
    for call in calls:
        at = _soon(rng, at, *pause)
        events.append(clerk.call(caller, call, at))
    return events


def _try(
    plot: Plot, rng: random.Random, caller: Caller, person: str, calls: Sequence[Call], at: datetime
) -> list[Written]:
    """Write calls one after another, each allowed where the person may do it and refused where not."""
    rights, clerk, events = plot.rights(person, caller.account, at), plot.clerk(rng), list[Written]()
    for call in calls:
        at = _soon(rng, at, 6, 50)
        events.append(clerk.call(caller, call, at) if rights.permit(call.action) else clerk.denied(caller, call, at))
    return events


def _new_key(plot: Plot, account: str, user: str, at: datetime) -> tuple[Call, str]:
    """Give the call that makes a user a key, and the key."""
    key = plot.company.world.identifier("AKIA", "made key", plot.what, str(plot.variation), account, user, length=16)
    made = {"accessKey": {"userName": user, "accessKeyId": key, "status": "Active", "createDate": spelled(at)}}
    return replace(CREATE_ACCESS_KEY, parameters={"userName": user}, response=made), key


def _gift(plot: Plot, rng: random.Random, account: str, user: str, at: datetime) -> list[Written]:
    """Write how somebody from before gives a user everything by hand, a day or two earlier."""
    world, clerk = plot.company.world, plot.clerk(rng)
    at = max(at - timedelta(hours=rng.randint(20, 50)), plot.company.span.start + timedelta(minutes=5))
    founder = clerk.by_key(account, FOUNDER, world.founder(), world.cli(world.rng("founder cli")))
    if rng.random() < 0.5:
        return [clerk.call(founder, iam("AttachUserPolicy", {"userName": user, "policyArn": ADMINISTRATOR}), at)]
    parameters = {"userName": user, "policyName": "for-now", "policyDocument": _EVERYTHING}
    return [clerk.call(founder, iam("PutUserPolicy", parameters), at)]


def _person(plot: Plot, rng: random.Random, when: str, *groups: str, off: bool = False) -> tuple[str, datetime, Desk]:
    """Cast somebody of some groups, with a moment in some hours of their day."""
    for name in plot.people(rng, *groups):
        try:
            at = plot.moment(rng, name, when, off=off)
        except NoCastError:
            continue
        return name, at, plot.seat(name)
    raise NoCastError


def _thief(plot: Plot, rng: random.Random, seat: Desk, account: str, agent: str = STRANGERS_CLI) -> tuple[Caller, Spot]:
    """Give a stranger with a person's access key."""
    place = plot.stranger(rng)
    return replace(seat.by_key(account, place, plot.company.span.end), agent=agent), place


# --- after a shift --------------------------------------------------------------------------------------------------


def _drift_change(plot: Plot, rng: random.Random, variation: int) -> Told:
    away = timedelta(minutes=rng.randint(35, 200)) if variation != 1 else timedelta(hours=rng.randint(9, 13))
    shift = plot.shift(rng, "platform", away + timedelta(hours=1))
    at, seat = shift.interval.end + away, plot.seat(shift.person)
    causes = _gift(plot, rng, "production", seat.user, at)
    if variation == 2:
        admin = plot.seat(next(plot.people(rng, "admins")))
        place = admin.habits.office
        call = iam("AttachUserPolicy", {"userName": seat.user, "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"})
        causes = [plot.clerk(rng).call(admin.by_key("production", place, causes[0].at), call, causes[0].at)]
    place = seat.place(at, from_home=True)
    events = _walk(seat.clerk, rng, seat.by_key("production", place, at), rng.choice(_DEEDS), at)
    return plot.told(events, Nature.SLIP, shift.person, "production", place.network, More(causes=causes))


def _outlived(plot: Plot, rng: random.Random, variation: int) -> Told:
    past = timedelta(minutes=rng.randint(40, 110)) if variation < 2 else timedelta(minutes=rng.randint(180, 280))
    return _past_the_end(plot, rng, past, change=variation != 1, busy=True)


def _overrun(plot: Plot, rng: random.Random, variation: int) -> Told:
    past = plot.company.world.team.rotas["platform"].grace_after + timedelta(minutes=rng.randint(3, 10))
    return _past_the_end(plot, rng, past, change=variation == 0, busy=False)


def _past_the_end(plot: Plot, rng: random.Random, past: timedelta, *, change: bool, busy: bool) -> Told:
    """Write a session of the on-call role that is used past the shift and its grace."""
    shift = plot.shift(rng, "platform", past + timedelta(minutes=30))
    rota, seat, end = plot.company.world.team.rotas["platform"], plot.seat(shift.person), shift.interval.end
    begin, place = end - timedelta(minutes=rng.randint(50, 170)), seat.place(end, from_home=True)
    by_key = seat.by_key("production", place, begin)
    taken, on_call = seat.clerk.take_watch(by_key, role_of(rota, shift.kind), begin, timedelta(hours=8))
    on = _walk(seat.clerk, rng, on_call, rng.choices(_WORK, k=6), begin, (60, 300))
    last = end + past
    # Reads that only the role gives: what everybody may look at is no overrun.
    calls = rng.choice(_DEEDS) if change else (_PARAMETERS, _secret(rng), _PARAMETERS)
    out = [seat.clerk.call(on_call, call, last + n * timedelta(seconds=40)) for n, call in enumerate(calls)]
    if busy:
        middle = end + rota.grace_after + (past - rota.grace_after) * 0.5
        out = [seat.clerk.call(on_call, calls[0], middle), *out]
    return plot.told(
        [taken, *on, *out], Nature.SLIP, shift.person, "production", place.network,
        More(counted={event.id for event in out}, at=last),
    )  # fmt: skip


# --- somebody else as the person ------------------------------------------------------------------------------------


def _hijack_password(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "any", "developers", "platform", "support")
    account, place = "production", plot.stranger(rng)
    sign_in = SignIn(account, seat.user, place, STRANGERS_BROWSER, mfa=False)
    events, caller = [seat.clerk.signed_in(sign_in, at)], seat.clerk.by_console(sign_in, at)
    if variation == 0:
        call, key = _new_key(plot, account, seat.user, at)
        events += _walk(seat.clerk, rng, caller, [call], at, (40, 120))
        with_key = seat.clerk.by_key(account, seat.user, place, STRANGERS_CLI, key)
        events += _try(plot, rng, with_key, name, [*LOOKS, _secret(rng)], events[-1].at)
    else:
        calls = [*LOOKS, *(_secret(rng) for _ in range(4 if variation == 1 else 0)), *rng.sample(READS, k=6)]
        events += _try(plot, rng, caller, name, calls, at)
    return plot.told(events, Nature.THEFT, name, account, place.network)


def _hijack_key(plot: Plot, rng: random.Random, variation: int) -> Told:
    group = "data" if variation == 1 else "developers"
    name, at, seat = _person(plot, rng, "work" if variation == 1 else "any", group)
    caller, place = _thief(plot, rng, seat, "production", STRANGERS_SDK if variation == 1 else STRANGERS_CLI)
    if variation == 1:
        events = _bulk(seat.clerk, rng, caller, "production-warehouse-0017", at, rng.randint(40, 120))
    elif variation == 0:
        calls = [*LOOKS, *(_secret(rng) for _ in range(3)), *rng.sample(READS, k=8)]
        events = _try(plot, rng, caller, name, calls, at)
    else:
        events = _try(plot, rng, caller, name, [WHO_AM_I, LIST_BUCKETS, DESCRIBE_INSTANCES, LIST_BUCKETS], at)
    return plot.told(events, Nature.THEFT, name, "production", place.network)


def _bulk(clerk: Clerk, rng: random.Random, caller: Caller, bucket: str, at: datetime, count: int) -> list[Written]:
    """Write that many objects of a bucket are read, a few each second."""
    return [
        clerk.object_read(caller, bucket, f"2026/{number}.parquet", at + timedelta(seconds=number // 3))
        for number in range(count)
    ]


def _hijack_token(plot: Plot, rng: random.Random, variation: int) -> Told:
    place = plot.stranger(rng)
    if variation == 0:
        shift = plot.shift(rng, "platform")
        rota, name, seat = plot.company.world.team.rotas["platform"], shift.person, plot.seat(shift.person)
        begin = shift.interval.start + timedelta(minutes=rng.randint(30, 180))
        home = seat.place(begin, from_home=True)
        by_key = seat.by_key("production", home, begin)
        taken, own = seat.clerk.take_watch(by_key, role_of(rota, shift.kind), begin, timedelta(hours=4))
        mine = [taken, *_walk(seat.clerk, rng, own, rng.choices(_WORK, k=5), begin)]
        stolen = replace(own, address=place.address, agent=STRANGERS_SDK)
        calls = [WHO_AM_I, LIST_BUCKETS, _secret(rng), _secret(rng), DESCRIBE_INSTANCES, STOP_INSTANCES]
        theirs = _walk(seat.clerk, rng, stolen, calls, begin + timedelta(minutes=rng.randint(8, 50)))
    else:
        name, begin, seat = _person(plot, rng, "work", "developers", "platform")
        home = seat.place(begin, from_home=True)
        sign_in = seat.signs_in("staging", home, begin)
        mine = ordinary.through_the_door(seat, sign_in, begin, 0)
        own = seat.clerk.by_console(sign_in, mine[-1].at)
        mine += _walk(seat.clerk, rng, own, rng.choices(_WORK, k=5), mine[-1].at)
        stolen = replace(own, address=place.address, agent=STRANGERS_CLI, console=False)
        calls = [*LOOKS, _secret(rng), STOP_INSTANCES]
        theirs = _try(plot, rng, stolen, name, calls, begin + timedelta(minutes=rng.randint(8, 50)))
    account = "production" if variation == 0 else "staging"
    counted = {event.id for event in theirs}
    return plot.told(
        [*mine, *theirs], Nature.THEFT, name, account, place.network, More(counted=counted, at=theirs[0].at)
    )


def _role_chain(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "any", "developers", "platform")
    caller, place = _thief(plot, rng, seat, "sandbox", STRANGERS_SDK)
    first, tools = seat.clerk.take_role(caller, Step("sandbox-tools", f"botocore-session-{int(at.timestamp())}"), at)
    soon, account = _soon(rng, at, 10, 60), "sandbox" if variation == 0 else "staging"
    step = Step("sandbox-build" if variation == 0 else "deploy", "x")
    second, deeper = seat.clerk.take_role(tools, step, soon, account)
    calls = [
        WHO_AM_I,
        LIST_USERS,
        LIST_BUCKETS,
        _secret(rng),
        DESCRIBE_INSTANCES,
        iam("CreateUser", {"userName": "svc"}),
    ]
    events = [first, second, *_walk(seat.clerk, rng, deeper, calls, soon)]
    return plot.told(events, Nature.THEFT, name, account, place.network)


def _shared(plot: Plot, rng: random.Random, variation: int) -> Told:
    """Write that two people use one user at once, each at their own home."""
    clerk = plot.clerk(rng)
    if variation == 0:
        name, at, seat = _person(plot, rng, "work", "support", "developers")
        here, user, account = seat.place(at, from_home=True), seat.user, "production"
        agents = (seat.habits.cli(at), plot.company.world.cli(rng))
    else:
        name, at, user, account = None, plot.moment(rng, None, "work"), "ops-shared", "staging"
        here, agents = spot(rng, ordinary.somewhere(rng)), (plot.company.world.cli(rng), plot.company.world.cli(rng))
    there = spot(rng, ordinary.somewhere(rng))
    events = list[Written]()
    for number in range(24):
        place, agent = ((here, agents[0]), (there, agents[1]))[number % 2]
        at = _soon(rng, at, 5, 60)
        events.append(clerk.call(clerk.by_key(account, user, place, agent), DESCRIBE_INSTANCES, at))
    return plot.told(events, Nature.UNTOLD, name, account, there.network, More(principal=None if name else user))


# --- a person who means harm ----------------------------------------------------------------------------------------


def _bulk_reads(plot: Plot, rng: random.Random, variation: int) -> Told:
    group = ("data", "developers", "developers")[variation]
    name, at, seat = _person(plot, rng, "night", group, off=True)
    place = seat.place(at, from_home=True)
    caller, causes = seat.by_key("production", place, at), list[Written]()
    if variation == 1:
        causes = _gift(plot, rng, "production", seat.user, at)
        events = _walk(seat.clerk, rng, caller, [_secret(rng) for _ in range(rng.randint(20, 40))], at, (1, 9))
    else:
        bucket = "production-warehouse-0017" if variation == 0 else "production-assets-0017"
        events = _bulk(seat.clerk, rng, caller, bucket, at, rng.randint(90, 200))
    return plot.told(events, Nature.ABUSE, name, "production", place.network, More(causes=causes))


def _key_for_another(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "night", "admins")
    other = next(who for who in plot.people(rng, "developers", "platform") if who != name)
    user, place = plot.company.world.team.people[other].iam_user, seat.place(at, from_home=True)
    caller = seat.by_key("production", place, at)
    if variation == 0:
        call, key = _new_key(plot, "production", user, at)
        events = [seat.clerk.call(caller, call, at)]
        as_other = seat.clerk.by_key("production", user, place, seat.habits.cli(at), key)
        events += _try(plot, rng, as_other, other, [*LOOKS, DESCRIBE_DATABASE], _soon(rng, at, 60, 300))
    else:
        call = iam("UpdateLoginProfile", {"userName": user, "passwordResetRequired": False})
        events = [seat.clerk.call(caller, call, at)]
        sign_in = SignIn("production", user, place, seat.habits.browser(at), mfa=False)
        soon = _soon(rng, at, 60, 300)
        events.append(seat.clerk.signed_in(sign_in, soon))
        events += _try(plot, rng, seat.clerk.by_console(sign_in, soon), other, LOOKS[1:], soon)
    return plot.told(events, Nature.ABUSE, name, "production", place.network, More(victims=[other]))


def _own_way(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "night", "admins")
    place, user = seat.place(at, from_home=True), seat.user
    call = (
        iam("AttachUserPolicy", {"userName": user, "policyArn": ADMINISTRATOR}),
        iam("PutUserPolicy", {"userName": user, "policyName": "more", "policyDocument": _EVERYTHING}),
        iam("AddUserToGroup", {"userName": user, "groupName": "oncall-platform"}),
    )[variation]
    caller = seat.by_key("production", place, at)
    opened = seat.clerk.call(caller, call, at)
    deeds = [*(_secret(rng) for _ in range(3)), *rng.choice(_DEEDS)]
    events = [opened, *_walk(seat.clerk, rng, caller, deeds, at, (20, 120))]
    return plot.told(events, Nature.ABUSE, name, "production", place.network)


def _by_admin(*calls: Call, then: Sequence[Call] = ()) -> Teller:
    """Give a tale of IAM or the trail: in variation 0 an administrator at night, in 1 a stranger with their key."""

    def teller(plot: Plot, rng: random.Random, variation: int) -> Told:
        stolen = variation == 1
        name, at, seat = _person(plot, rng, "any" if stolen else "night", "admins")
        if stolen:
            caller, place = _thief(plot, rng, seat, "production")
        else:
            place = seat.place(at, from_home=True)
            caller = seat.by_key("production", place, at)
        looks = [WHO_AM_I, LIST_USERS] if stolen else []
        events = _walk(seat.clerk, rng, caller, [*looks, *calls, *then], at)
        return plot.told(events, Nature.THEFT if stolen else Nature.ABUSE, name, "production", place.network)

    return teller


def _policy_version(plot: Plot, rng: random.Random, variation: int) -> Told:
    number = plot.company.world.number("production")
    parameters = {
        "policyArn": f"arn:aws:iam::{number}:policy/legacy",
        "setAsDefault": True,
        "policyDocument": _EVERYTHING,
    }
    call = iam("CreatePolicyVersion", parameters, {"policyVersion": {"versionId": "v2", "isDefaultVersion": True}})
    return _by_admin(call, then=(_secret(rng), MODIFY_DATABASE))(plot, rng, variation)


def _role_trust(plot: Plot, rng: random.Random, variation: int) -> Told:
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OUTSIDE}:root"}, "Action": "sts:AssumeRole"}
    document = dumps({"Version": "2012-10-17", "Statement": [trust]})
    return _by_admin(iam("UpdateAssumeRolePolicy", {"roleName": "deploy", "policyDocument": document}))(
        plot, rng, variation
    )


def _new_user(plot: Plot, rng: random.Random, variation: int) -> Told:
    key, _ = _new_key(plot, "production", "support-tooling", plot.settled)
    return _by_admin(
        iam("CreateUser", {"userName": "support-tooling"}),
        iam("AttachUserPolicy", {"userName": "support-tooling", "policyArn": ADMINISTRATOR}),
        key,
    )(plot, rng, variation)


def _ours(plot: Plot, rng: random.Random, variation: int) -> Told:
    number = plot.company.world.number("production")
    call = (
        iam("DetachGroupPolicy", {
            "groupName": "oncall-platform", "policyArn": f"arn:aws:iam::{number}:policy/watchbill/gate-platform"}),
        iam("UpdateAssumeRolePolicy", {"roleName": "oncall-platform", "policyDocument": _EVERYTHING}),
    )[variation]  # fmt: skip
    return _by_admin(call)(plot, rng, variation)


def _staging(plot: Plot, rng: random.Random, variation: int, calls: Sequence[Call]) -> Told:
    """Write deeds that are a builder's by right: 0 a person at night, 1 a stranger with their key, 2 on watch."""
    if variation == 2:
        shift = plot.shift(rng, "platform")
        rota, seat = plot.company.world.team.rotas["platform"], plot.seat(shift.person)
        at = shift.interval.start + timedelta(minutes=rng.randint(60, 300))
        place = seat.place(at, from_home=True)
        by_key = seat.by_key("production", place, at)
        taken, caller = seat.clerk.take_watch(by_key, role_of(rota, shift.kind), at, timedelta(hours=2))
        events = [taken, *_walk(seat.clerk, rng, caller, calls, at, (2, 15))]
        return plot.told(events, Nature.ABUSE, shift.person, "production", place.network)
    name, at, seat = _person(plot, rng, "any" if variation else "night", "developers", "platform")
    if variation == 1:
        caller, place = _thief(plot, rng, seat, "staging", STRANGERS_SDK)
    else:
        place = seat.place(at, from_home=True)
        caller = seat.by_key("staging", place, at)
    events = _walk(seat.clerk, rng, caller, calls, at, (2, 15))
    return plot.told(events, Nature.THEFT if variation else Nature.ABUSE, name, "staging", place.network)


def _snapshot(plot: Plot, rng: random.Random, variation: int) -> Told:
    shares = (
        _does("rds", "CreateDBSnapshot", {"dBInstanceIdentifier": "orders-db", "dBSnapshotIdentifier": "copy"}),
        _does("rds", "ModifyDBSnapshotAttribute", {
            "dBSnapshotIdentifier": "copy", "attributeName": "restore", "valuesToAdd": [OUTSIDE]}),
        _does("ec2", "ModifySnapshotAttribute", {
            "snapshotId": "snap-0a1b2c3d4e5f60718", "attributeType": "CREATE_VOLUME_PERMISSION",
            "createVolumePermission": {"add": {"items": [{"userId": OUTSIDE}]}}}),
    )  # fmt: skip
    return _staging(plot, rng, variation, shares)


def _deletions(plot: Plot, rng: random.Random, variation: int) -> Told:
    calls = [
        *([TERMINATE_INSTANCES] * rng.randint(8, 14)),
        *(_does("s3", "DeleteBucket", {"bucketName": f"old-{number}"}) for number in range(rng.randint(4, 9))),
        *(_does("rds", "DeleteDBInstance", {"dBInstanceIdentifier": name, "skipFinalSnapshot": True})
          for name in ("orders-db", "catalog-db")),
    ]  # fmt: skip
    return _staging(plot, rng, variation, calls)


def _doors(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "any" if variation == 0 else "night", "support", "data", "developers", off=True)
    if variation == 0:
        caller, place = _thief(plot, rng, seat, "production")
    else:
        place = seat.place(at, from_home=True)
        caller = seat.by_key("production", place, at)
    others, events = [*plot.company.choice(name, "production", at).others, _secret(rng), LIST_USERS], list[Written]()
    for call in rng.choices(others, k=rng.randint(9, 24)):
        at = _soon(rng, at, 4, 25)
        events.append(seat.clerk.denied(caller, call, at))
    nature = Nature.THEFT if variation == 0 else Nature.ABUSE
    return plot.told(events, nature, name, "production", place.network)


def _mfa_swap(plot: Plot, rng: random.Random, variation: int) -> Told:
    if variation == 0:
        name, at, seat = _person(plot, rng, "any", "developers", "platform", "support")
        place, account = plot.stranger(rng), "staging"
        sign_in = SignIn(account, seat.user, place, STRANGERS_BROWSER, mfa=False)
        events = [seat.clerk.signed_in(sign_in, at)]
        events += ordinary.mfa_swap(seat.clerk, seat.clerk.by_console(sign_in, at), seat.user, _soon(rng, at, 30, 90))
        return plot.told(events, Nature.THEFT, name, account, place.network)
    name, at, seat = _person(plot, rng, "night", "admins")
    other = next(who for who in plot.people(rng, "developers") if who != name)
    user, place = plot.company.world.team.people[other].iam_user, seat.place(at, from_home=True)
    events = ordinary.mfa_swap(seat.clerk, seat.by_key("staging", place, at), user, at)
    return plot.told(events, Nature.ABUSE, name, "staging", place.network, More(victims=[other]))


# --- at the door ----------------------------------------------------------------------------------------------------


def _spray(plot: Plot, rng: random.Random, variation: int) -> Told:
    account, place, clerk, at = "production", plot.stranger(rng), plot.clerk(rng), plot.moment(rng, None)
    known = list(plot.people(rng, "developers", "platform", "support"))[: 0 if variation == 2 else rng.randint(3, 6)]
    names: list[str | None] = [*known, *([None] * rng.randint(10, 18))]
    rng.shuffle(names)
    pace, events = (3, 6) if variation != 1 else (20, 70), list[Written]()
    for name in names * (5 if variation != 1 else 2):
        user = plot.company.world.team.people[name].iam_user if name else ""
        sign_in = SignIn(account, user, place, _SPRAYER, mfa=False)
        events.append(clerk.failed_sign_in(sign_in, at) if name else clerk.unknown_sign_in(sign_in, at))
        at = _soon(rng, at, *pace)
    return plot.told(
        events, Nature.GUESSING, None, account, place.network, More(victims=known, quiet=timedelta(minutes=20))
    )


def _guesses(plot: Plot, rng: random.Random, seat: Desk, at: datetime, place: Spot, *, human: bool) -> list[Written]:
    sign_in = SignIn("production", seat.user, place, STRANGERS_BROWSER if human else _SPRAYER, mfa=False)
    events = list[Written]()
    for _ in range(rng.randint(6, 9) if human else rng.randint(15, 40)):
        events.append(seat.clerk.failed_sign_in(sign_in, at))
        at = _soon(rng, at, *((15, 90) if human else (1, 3)))
    return events


def _guessed_at(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "any", "developers", "platform", "support")
    place = plot.stranger(rng)
    events = _guesses(plot, rng, seat, at, place, human=variation == 1)
    return plot.told(events, Nature.GUESSING, name, "production", place.network)


def _guessed(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "any", "developers", "platform", "support")
    place = plot.stranger(rng)
    events = _guesses(plot, rng, seat, at, place, human=variation == 1)
    sign_in = SignIn("production", seat.user, place, STRANGERS_BROWSER, mfa=False)
    at = _soon(rng, events[-1].at, 5, 40)
    events += [seat.clerk.signed_in(sign_in, at)]
    events += _try(plot, rng, seat.clerk.by_console(sign_in, at), name, [*LOOKS[1:], *rng.sample(READS, k=4)], at)
    return plot.told(events, Nature.THEFT, name, "production", place.network)


def _forgotten(plot: Plot, rng: random.Random, variation: int) -> Told:
    if variation == 0:
        shift = plot.shift(rng, "platform")
        name, at, seat = shift.person, _soon(rng, shift.interval.start, 0, 900), plot.seat(shift.person)
    else:
        name, at, seat = _person(plot, rng, "work", "developers", "platform", "support")
    place = spot(rng, ordinary.somewhere(rng)) if variation == 2 else seat.place(at, from_home=True)
    sign_in = seat.signs_in("production", place, at)
    events = ordinary.through_the_door(seat, sign_in, at, rng.randint(5, 7))
    if variation == 3:
        # The last two are of an hour later: then somebody had helped.
        events = [*events[:-2], *ordinary.through_the_door(seat, sign_in, at + timedelta(minutes=70), 0)]
    return plot.told(events, Nature.FORGOT, name, "production", place.network, More(quiet=timedelta(minutes=40)))


# --- machines, approvals, people who come and go --------------------------------------------------------------------


def _automation(plot: Plot, rng: random.Random, variation: int) -> Told:
    name, at, seat = _person(plot, rng, "evening", "developers", "platform")
    place = spot(rng, "52.211.98.0/24") if variation == 0 else seat.habits.office
    agent = "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/linux lang/python#3.12.3"
    caller = replace(seat.by_key("staging", place, at), agent=agent)
    every, events = timedelta(minutes=30 if variation == 0 else 15), list[Written]()
    for number in range(rng.randint(10, 16)):
        begins = at + number * every
        events += ordinary.run(seat.clerk, rng, caller, (*READS[1:6], STOP_INSTANCES), begins, 1)
    events = [event for event in events if event.at < plot.company.span.end]
    return plot.told(events, Nature.MACHINE, name, "staging", place.network, More(quiet=timedelta()))


def _approved(plot: Plot, rng: random.Random, variation: int) -> Told:
    company, start = plot.company, plot.company.span.start
    if variation == 1:
        filed = next((each for each in company.chapters if each.since == start + COVER_FILED), None)
        override = (
            next((o for o in filed.team.rotas["platform"].overrides if o.name == "cover-late"), None) if filed else None
        )
        if override is None or override.add is None:
            raise NoCastError
        name, at = override.add, start + COVER_FROM + timedelta(minutes=rng.randint(10, 60))
        seat, rota = plot.seat(name), company.world.team.rotas["platform"]
        place = seat.place(at, from_home=True)
        by_key = seat.by_key("production", place, at)
        taken, caller = seat.clerk.take_watch(by_key, role_of(rota, override.kind), at, timedelta(hours=2))
        events = [taken, *_walk(seat.clerk, rng, caller, rng.choice(_DEEDS), at, (30, 200))]
        return plot.told(events, Nature.SANCTIONED, name, "production", place.network)
    grants = [each for each in company.world.team.grants if each.interval.start >= plot.settled - timedelta(hours=12)]
    rng.shuffle(grants)
    for grant in grants:
        at = grant.interval.start + timedelta(minutes=rng.randint(20, 200))
        seat = plot.seat(grant.person)
        if not plot.fits(grant.person, grant.interval):
            continue
        place = seat.place(at, from_home=True)
        events = _walk(seat.clerk, rng, seat.by_key("production", place, at), rng.choice(_DEEDS) * 2, at, (30, 200))
        return plot.told(events, Nature.SANCTIONED, grant.person, "production", place.network, More(unheard=True))
    raise NoCastError


def _break_glass(plot: Plot, rng: random.Random, variation: int) -> Told:
    clerk, at, name = plot.clerk(rng), plot.moment(rng, None), "break-glass"
    place = plot.seat(next(plot.people(rng, "admins"))).habits.vpn
    sign_in = SignIn("production", name, place, STRANGERS_BROWSER, mfa=True)
    if variation == 1:
        events = [clerk.failed_sign_in(sign_in, at + n * timedelta(seconds=20)) for n in range(3)]
    else:
        caller = clerk.by_console(sign_in, at)
        events = [clerk.signed_in(sign_in, at), *_walk(clerk, rng, caller, [LIST_USERS, *_DEEDS[0]], at)]
    return plot.told(events, Nature.UNTOLD, None, "production", place.network, More(principal=name))


def _leaver(plot: Plot, rng: random.Random, variation: int) -> Told:
    chapters = plot.company.chapters
    gone = sorted(set(plot.company.world.team.people) - set(chapters[-1].team.people))
    since = chapters[-1].since
    if not gone or since is None:
        raise NoCastError
    room = plot.company.span.end - since - timedelta(hours=4)
    at, seat = since + timedelta(hours=2) + room * rng.random(), plot.seat(gone[0])
    place = plot.stranger(rng) if variation == 1 else seat.habits.home(at)
    agent = STRANGERS_CLI if variation == 1 else seat.habits.cli(at)
    caller = replace(seat.by_key("staging", place, at), agent=agent)
    events = _walk(seat.clerk, rng, caller, [WHO_AM_I, LIST_BUCKETS, _secret(rng), _secret(rng), STOP_INSTANCES], at)
    nature = Nature.THEFT if variation else Nature.ABUSE
    return plot.told(events, nature, None, "staging", place.network, More(principal=seat.user))


def _joiner(plot: Plot, rng: random.Random, _: int) -> Told:
    chapters = plot.company.chapters
    new = sorted(set(plot.company.world.team.people) - set(chapters[0].team.people))
    since = next((each.since for each in chapters if new and new[0] in each.team.people), None)
    if since is None:
        raise NoCastError
    at, seat = since - timedelta(hours=rng.randint(20, 60)), plot.seat(new[0])
    clerk, world = plot.clerk(rng), plot.company.world
    founder = clerk.by_key("staging", FOUNDER, world.founder(), world.cli(world.rng("founder cli")))
    made = at - timedelta(hours=3)
    causes = [
        clerk.call(founder, iam("CreateUser", {"userName": seat.user}), made),
        clerk.call(founder, iam("AttachUserPolicy", {"userName": seat.user, "policyArn": ADMINISTRATOR}), made),
    ]
    place = seat.habits.office
    events = _walk(seat.clerk, rng, seat.by_key("staging", place, at), [*LOOKS, STOP_INSTANCES], at)
    return plot.told(events, Nature.SLIP, None, "staging", place.network, More(causes=causes, principal=seat.user))


def _root(plot: Plot, rng: random.Random, variation: int) -> Told:
    clerk, at = plot.clerk(rng), plot.moment(rng, None)
    place = plot.stranger(rng) if variation == 1 else plot.seat(next(plot.people(rng, "admins"))).habits.office
    signed, caller = clerk.root("production", place, STRANGERS_BROWSER, at)
    calls = [LIST_USERS] if variation == 2 else [LIST_USERS, _new_key(plot, "production", "ops-admin", at)[0]]
    events = [signed, *_walk(clerk, rng, caller, calls, at)]
    return plot.told(events, Nature.UNTOLD, None, "production", place.network, More(principal="root"))


# --- what happens to anybody ----------------------------------------------------------------------------------------


def _by_desk(when: str, write: Callable[[Desk, random.Random, str, datetime], ordinary.Bout], *groups: str) -> Teller:
    """Give the tale of a mishap that a desk writes, in an account where the person may at least look."""

    def teller(plot: Plot, rng: random.Random, _: int) -> Told:
        name, at, seat = _person(plot, rng, when, *groups)
        accounts = [each for each in plot.company.world.team.accounts if plot.company.choice(name, each, at).reads]
        if not accounts:
            raise NoCastError
        bout = write(seat, rng, rng.choice(accounts), at)
        network = bout.label.network if bout.label else ""
        account = bout.label.account if bout.label else ""
        return plot.told(bout.events, Nature.HARMLESS, name, account, network, More(unheard=True))

    return teller


def _from(place: Callable[[Desk, random.Random, datetime], Spot], agent: str = "") -> Callable[..., ordinary.Bout]:
    def write(seat: Desk, rng: random.Random, account: str, at: datetime) -> ordinary.Bout:
        where, choice = place(seat, rng, at), seat.company.choice(seat.name, account, at)
        caller = seat.by_key(account, where, at)
        caller = replace(caller, agent=agent) if agent else caller
        calls = [WHO_AM_I, *ordinary.mixed(rng, choice, 8)]
        return seat.noted(ordinary.run(seat.clerk, rng, caller, calls, at, 40), Quirk.TRAVEL, account, where)

    return write


def _away(_: Desk, rng: random.Random, __: datetime) -> Spot:
    return spot(rng, ordinary.somewhere(rng))


def _home(seat: Desk, _: random.Random, at: datetime) -> Spot:
    return seat.place(at, from_home=True)


def _mistyped(seat: Desk, rng: random.Random, account: str, at: datetime) -> ordinary.Bout:
    place = seat.place(at, from_home=True)
    sign_in = seat.signs_in(account, place, at)
    events = ordinary.through_the_door(seat, sign_in, at, rng.randint(2, 4))
    return seat.noted(events, Quirk.MISTYPED, account, place)


def _helped(seat: Desk, rng: random.Random, account: str, at: datetime) -> ordinary.Bout:
    place = seat.place(at, from_home=True)
    sign_in = seat.signs_in(account, place, at)
    events = ordinary.through_the_door(seat, sign_in, at, 0)
    caller = seat.clerk.by_console(sign_in, events[-1].at)
    events += ordinary.helpers(seat, caller, events[-1].at + timedelta(seconds=3), rng.randint(5, 8))
    return seat.noted(events, Quirk.HELPERS, account, place)


def _asked(seat: Desk, rng: random.Random, account: str, at: datetime) -> ordinary.Bout:
    place, choice = seat.place(at, from_home=True), seat.company.choice(seat.name, account, at)
    caller = seat.by_key(account, place, at)
    events = ordinary.run(seat.clerk, rng, caller, [WHO_AM_I, *ordinary.mixed(rng, choice, 6)], at, 40)
    return seat.noted([*events, *ordinary.curious(seat, caller, choice, events[-1].at)], Quirk.CURIOUS, account, place)


def _in_turn(seat: Desk, _: random.Random, __: str, at: datetime) -> ordinary.Bout:
    place = seat.place(at, from_home=True)
    choice, caller = seat.company.choice(seat.name, "sandbox", at), seat.by_key("sandbox", place, at)
    return seat.noted(ordinary.chained(seat, caller, choice, at), Quirk.CHAINED, "sandbox", place)


def _piped(seat: Desk, _: random.Random, __: str, at: datetime) -> ordinary.Bout:
    return ordinary.by_pipeline(seat, seat.company.choice(seat.name, "staging", at), at)


def _in_grace(plot: Plot, rng: random.Random, variation: int) -> Told:
    shift = plot.shift(rng, "platform", timedelta(minutes=20))
    rota, seat = plot.company.world.team.rotas["platform"], plot.seat(shift.person)
    grace = plot.what is Quirk.GRACE
    past = timedelta(minutes=rng.randint(2, 12) if grace else -rng.randint(1, 8))
    bout = ordinary.to_the_end(seat, shift, rota, past, Quirk.GRACE if grace else Quirk.LONG_SESSION)
    network = bout.label.network if bout.label else ""
    return plot.told(bout.events, Nature.HARMLESS, shift.person, "production", network, More(unheard=True))


TELLERS: Mapping[Misuse | Quirk, tuple[int, Teller]] = {
    Misuse.DRIFT_CHANGE: (3, _drift_change),
    Misuse.OUTLIVED: (3, _outlived),
    Misuse.OVERRUN: (2, _overrun),
    Misuse.HIJACK_PASSWORD: (3, _hijack_password),
    Misuse.HIJACK_KEY: (3, _hijack_key),
    Misuse.HIJACK_TOKEN: (2, _hijack_token),
    Misuse.ROLE_CHAIN: (2, _role_chain),
    Misuse.BULK_READS: (3, _bulk_reads),
    Misuse.KEY_FOR_ANOTHER: (2, _key_for_another),
    Misuse.OWN_WAY: (3, _own_way),
    Misuse.SPRAY: (3, _spray),
    Misuse.GUESSED_AT: (2, _guessed_at),
    Misuse.GUESSED: (2, _guessed),
    Misuse.FORGOTTEN: (4, _forgotten),
    Misuse.LOGGING_STOPPED: (2, _by_admin(_does("cloudtrail", "StopLogging", {"name": "team-trail"}))),
    Misuse.TRAIL_NARROWED: (2, _by_admin(_does("cloudtrail", "PutEventSelectors", _NARROW))),
    Misuse.POLICY_VERSION: (2, _policy_version),
    Misuse.ROLE_TRUST: (2, _role_trust),
    Misuse.NEW_USER: (2, _new_user),
    Misuse.SNAPSHOT_SHARED: (3, _snapshot),
    Misuse.DELETIONS: (3, _deletions),
    Misuse.SHARED: (2, _shared),
    Misuse.AUTOMATION: (2, _automation),
    Misuse.APPROVED: (2, _approved),
    Misuse.BREAK_GLASS: (2, _break_glass),
    Misuse.LEAVER: (2, _leaver),
    Misuse.JOINER: (1, _joiner),
    Misuse.OURS: (2, _ours),
    Misuse.DOORS: (2, _doors),
    Misuse.MFA_SWAP: (2, _mfa_swap),
    Misuse.ROOT: (3, _root),
    Quirk.TRAVEL: (1, _by_desk("work", _from(_away))),
    Quirk.MOVED: (1, _by_desk("evening", _from(_away))),
    Quirk.LAPTOP: (1, _by_desk("work", _from(_home, STRANGERS_SDK))),
    Quirk.PHONE: (1, _by_desk("work", lambda seat, _, account, at: ordinary.new_phone(seat, account, at))),
    Quirk.MISTYPED: (1, _by_desk("work", _mistyped)),
    Quirk.LATE: (1, _by_desk("night", lambda seat, _, account, at: ordinary.late(seat, account, at))),
    Quirk.HELPERS: (1, _by_desk("work", _helped)),
    Quirk.CURIOUS: (1, _by_desk("work", _asked, "developers", "platform", "support", "data")),
    Quirk.ROTATED: (1, _by_desk("work", lambda seat, _, account, at: ordinary.turn_key(seat, account, at))),
    Quirk.GRACE: (1, _in_grace),
    Quirk.CHAINED: (1, _by_desk("work", _in_turn, "developers", "platform")),
    Quirk.CI_RUN: (1, _by_desk("work", _piped, "developers")),
    Quirk.LONG_SESSION: (1, _in_grace),
    Quirk.IDENTITY: (1, _by_desk("work", lambda seat, _, __, at: ordinary.tries_roles(seat, at), "admins")),
}  # fmt: skip
"""How many variations there are, and who tells it."""


def every_variation(whats: Iterable[Misuse | Quirk]) -> tuple[tuple[Misuse | Quirk, int], ...]:
    """Give each variation of some tales."""
    return tuple((what, number) for what in whats for number in range(TELLERS[what][0]))


def tell(
    company: Company, casting: Sequence[tuple[Misuse | Quirk, int]], settled: datetime
) -> tuple[list[Told], list[tuple[Misuse | Quirk, int]]]:
    """Tell each of what is cast; give too what cannot be, since nobody fits it."""
    plot, told, not_told = Plot(company, settled), list[Told](), list[tuple[Misuse | Quirk, int]]()
    for what, variation in casting:
        plot.what, plot.variation = what, variation
        try:
            told.append(TELLERS[what][1](plot, company.world.rng("tale", what, str(variation)), variation))
        except NoCastError:
            not_told.append((what, variation))
    return told, not_told
