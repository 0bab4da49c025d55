// Keeps a page up to date: when the server says that something changed, the page asks for its own address again.
//
// It waits while somebody is at work on the page: a field that has focus or was edited, text that is marked, something
// unfolded. It says which of three it is: live, paused, lost contact. Where it does not run, the page is as it came.
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
      main.querySelector("details[open]") !== null ||
      (marked !== null && !marked.isCollapsed && main.contains(marked.anchorNode))
    );
  };

  const look = () => window.htmx.trigger(main, "look");

  // What has focus is found again by what it is, leads to and is called, and by its place among those alike.
  const alike = (element) => {
    const told = ["id", "href", "name", "aria-label"].map((name) => element.getAttribute(name)).join("|");
    return `${element.tagName}|${told}`;
  };
  const focusable = () => [...main.querySelectorAll("a, button, summary, [tabindex]")];
  const sameAs = (element) => focusable().filter((each) => alike(each) === alike(element));
  const scrolled = () => [...main.querySelectorAll(".scroll")];

  let kept = null;
  const keep = () => {
    const active = main.contains(document.activeElement) ? document.activeElement : null;
    kept = {
      active,
      place: active === null ? 0 : sameAs(active).indexOf(active),
      x: window.scrollX,
      y: window.scrollY,
      boxes: scrolled().map((box) => [box.scrollLeft, box.scrollTop]),
    };
  };
  const giveBack = () => {
    if (kept === null) return;
    const { active, place, x, y, boxes } = kept;
    kept = null;
    scrolled().forEach((box, number) => {
      if (number < boxes.length) [box.scrollLeft, box.scrollTop] = boxes[number];
    });
    if (active !== null) {
      const found = sameAs(active);
      const next = found[Math.min(Math.max(place, 0), found.length - 1)];
      if (next !== undefined) next.focus({ preventScroll: true });
    }
    window.scrollTo(x, y);
  };

  const contact = () => source !== null && source.readyState === EventSource.OPEN;
  const stand = () => {
    if (waits) say("paused: there is something new");
    else if (contact()) say("live");
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
    // Work may have begun while the answer was on its way.
    if (isAtWork()) {
      event.detail.shouldSwap = false;
      waits = true;
      stand();
    } else keep();
  });
  main.addEventListener("htmx:afterSwap", () => {
    waits = false;
    giveBack();
    stand();
  });
  main.addEventListener("htmx:sendError", () => say("lost contact: what is here may be old"));

  const goOn = () => {
    if (waits && !isAtWork()) {
      waits = false;
      look();
    }
  };
  for (const name of ["focusout", "change", "reset", "toggle", "mouseup"]) {
    document.addEventListener(name, () => window.setTimeout(goOn, 0), true);
  }

  // Browsers hold few connections to one server: a page that nobody looks at holds none.
  document.addEventListener("visibilitychange", () => {
    if (source === null) return;
    if (document.hidden) source.close();
    else if (source.readyState === EventSource.CLOSED) source.onerror(new Event("wake"));
  });
})();
