// Keeps a page up to date: when the server says that something changed, the page asks for its own address again.
//
// It waits while somebody is at work on the page: a field that has focus or was edited, text that is marked. It says which
// of three it is: live, paused, lost contact. Where it does not run, the page is as it came.
"use strict";
(() => {
  const main = document.getElementById("main");
  const word = document.getElementById("contact");
  let source = null;
  let waits = false;

  const say = (text) => {
    if (word.textContent !== text) word.textContent = text;
    word.hidden = false;
  };

  const isEdited = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(first, 0);
  };

  const isAtWork = () => {
    const fields = [...main.querySelectorAll("input:not([type=hidden]), select, textarea")];
    const marked = document.getSelection();
    return (
      fields.includes(document.activeElement) ||
      fields.some(isEdited) ||
      (marked !== null && !marked.isCollapsed && main.contains(marked.anchorNode))
    );
  };

  const look = () => window.htmx.trigger(main, "look");

  // The new page is put in place of the old by what is not the same alone: so nothing loses focus, is folded up, moves, or
  // is read out again. Two elements are one and the same by what they are, lead to and are called, so that none of them
  // ever turns, under a finger, into another that does something else.
  const told = (element) =>
    ["id", "href", "action", "name", "value", "aria-label"].map((name) => element.getAttribute(name) ?? "").join("|");
  const ITEMS = ["TR", "LI", "ARTICLE", "OPTION"];
  const nameOf = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
    const own = `${node.nodeName}|${told(node)}`;
    if (node.nodeName === "BUTTON") return `${own}|${node.textContent}`;
    if (node.nodeName === "DETAILS") return `${own}|${node.firstElementChild?.textContent.replace(/\d+/g, "")}`;
    if (!ITEMS.includes(node.nodeName)) return own;
    const inner = node.querySelector("a[href], [id]");
    return `${own}|${inner === null ? (node.firstElementChild ?? node).textContent : told(inner)}`;
  };
  const factsOf = (node) => ({
    node,
    name: nameOf(node),
    text: node.textContent,
    weight: node.nodeType === Node.ELEMENT_NODE ? 1 : 0.01,
    focused: node.contains(document.activeElement),
  });
  const likeness = (one, other) => {
    if (one.name !== other.name) return 0;
    return one.weight * (one.text === other.text ? 3 : 1) + (one.focused ? 1_000 : 0);
  };

  // Which of some nodes are which of some others, in their order: the pairs that are alike the most, as a diff finds them.
  const MOST = 4_000_000;
  const paired = (olds, fresh) => {
    const found = new Map();
    const width = fresh.length + 1;
    if (olds.length * width > MOST) return found;
    const best = new Float64Array((olds.length + 1) * width);
    for (let i = olds.length - 1; i >= 0; i -= 1) {
      for (let j = fresh.length - 1; j >= 0; j -= 1) {
        const at = i * width + j;
        const alike = likeness(olds[i], fresh[j]);
        const together = alike === 0 ? 0 : alike + best[at + width + 1];
        best[at] = Math.max(together, best[at + width], best[at + 1]);
      }
    }
    let i = 0;
    let j = 0;
    while (i < olds.length && j < fresh.length) {
      const at = i * width + j;
      if (best[at] === best[at + 1]) j += 1;
      else if (best[at] === best[at + width]) i += 1;
      else found.set(fresh[j++].node, olds[i++].node);
    }
    return found;
  };

  const takeAttributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      // What somebody has unfolded stays so.
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  };
  const takeChildren = (old, fresh) => {
    const news = [...fresh.childNodes];
    const olds = [...old.childNodes];
    // Most of it is the same at both ends, and costs no more than to see so.
    let end = null;
    while (olds.length > 0 && news.length > 0 && olds.at(-1).isEqualNode(news.at(-1))) {
      end = olds.pop();
      news.pop();
    }
    let start = 0;
    while (start < olds.length && start < news.length && olds[start].isEqualNode(news[start])) start += 1;
    olds.splice(0, start);
    news.splice(0, start);
    const same = paired(olds.map(factsOf), news.map(factsOf));
    const stay = new Set(same.values());
    for (const each of olds) if (!stay.has(each)) each.remove();
    let next = olds.find((each) => stay.has(each)) ?? end;
    for (const each of news) {
      const there = same.get(each);
      if (there === undefined) old.insertBefore(each, next);
      else {
        takeOver(there, each);
        next = there.nextSibling;
      }
    }
  };
  const takeOver = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.data = fresh.data;
      return;
    }
    takeAttributes(old, fresh);
    takeChildren(old, fresh);
    // A field that was edited, and is as it was again, shows no more what its attribute says.
    if (old.matches("input, select, textarea")) {
      old.value = fresh.value;
      old.checked = fresh.checked;
    }
  };
  window.htmx.defineExtension("keep", {
    handleSwap: (style, target, fragment) => {
      if (style !== "keep") return false;
      const active = main.contains(document.activeElement) ? document.activeElement : null;
      takeChildren(target, fragment);
      if (active !== null && !active.isConnected) {
        // It is elsewhere now.
        const alike = [...main.querySelectorAll("a, button, summary, [tabindex]")];
        alike.find((each) => nameOf(each) === nameOf(active))?.focus({ preventScroll: true });
      }
      return true;
    },
  });

  // What was asked for and did not come is asked for again: the stream does not tell of it twice.
  let asksAgain = 0;
  const lost = () => {
    say("lost contact: what is here may be old");
    window.clearTimeout(asksAgain);
    asksAgain = window.setTimeout(look, 5_000);
  };
  const contact = () => source !== null && source.readyState === EventSource.OPEN;
  const stand = () => {
    if (waits) say("paused: there is something new");
    else if (contact() && asksAgain === 0) say("live");
  };

  // One that fails is closed, so that the extension comes back later and later: after half a second, up to a minute.
  window.htmx.createEventSource = (address) => {
    source = new EventSource(address);
    source.addEventListener("error", () => source.close());
    source.addEventListener("change", (event) => {
      main.setAttribute("sse-connect", `/live?seen=${encodeURIComponent(event.data)}`);
    });
    return source;
  };

  main.addEventListener("htmx:sseOpen", stand);
  main.addEventListener("htmx:sseError", (event) => {
    if (event.detail.error.type !== "wake" && !document.hidden) say("lost contact: what is here may be old");
  });
  main.addEventListener("htmx:sseClose", (event) => {
    // The server says that the sign-in is over: the page, asked for again, leads to another.
    source = null;
    say("lost contact: you are signed in no more");
    if (event.detail.type === "message") look();
  });
  main.addEventListener("htmx:beforeRequest", (event) => {
    if (isAtWork()) {
      event.preventDefault();
      waits = true;
    }
    stand();
  });
  main.addEventListener("htmx:beforeSwap", (event) => {
    // What stands before the server answers for it while it is away, and with no page of ours.
    if (!event.detail.serverResponse.includes('<main id="main"')) {
      event.detail.shouldSwap = false;
      lost();
      return;
    }
    // Work may have begun while the answer was on its way.
    if (isAtWork()) {
      event.detail.shouldSwap = false;
      waits = true;
      stand();
    }
  });
  main.addEventListener("htmx:afterSwap", () => {
    waits = false;
    window.clearTimeout(asksAgain);
    asksAgain = 0;
    stand();
  });
  main.addEventListener("htmx:sendError", lost);

  const goOn = () => {
    if (waits && !isAtWork()) {
      waits = false;
      look();
    }
  };
  for (const name of ["focusout", "change", "reset", "mouseup"]) {
    document.addEventListener(name, () => window.setTimeout(goOn, 0), true);
  }

  // Browsers hold few connections to one server: a page that nobody looks at holds none.
  document.addEventListener("visibilitychange", () => {
    if (source === null) return;
    if (document.hidden) source.close();
    else if (source.readyState === EventSource.CLOSED) source.onerror(new Event("wake"));
  });
})();
