// Keeps the page of a node up to date: after each block of its stream, and by the clock while no block comes, the page is
// asked for again and the panels that changed are replaced. Without this file the page is the same, as of when it was read.
"use strict";

(() => {
  // Shortest and longest time between two questions; a reader alone stays far below the rate of a node.
  const PAUSE_MS = 2000;
  const SILENCE_MS = 5000;
  // Longest time until a stream that ended is opened again.
  const RETRY_MS_MAX = 30000;

  const live = document.getElementById("live");
  const state = document.createElement("span");
  const button = document.createElement("button");
  let stream = null;
  let paused = false;
  let asking = false;
  let askedAt = Date.now();
  let timer = 0;
  let retryTimer = 0;
  let retryMs = 1000;
  let silentSince = null;

  const say = (text, style) => {
    if (state.textContent !== text) {
      state.textContent = text;
      state.className = style;
    }
  };

  const silent = (reason) => {
    silentSince = silentSince || new Date().toLocaleTimeString();
    say(`NO ANSWER since ${silentSince}: ${reason}`, "bad");
  };

  // Replaces a panel where it differs, and leaves the reader where he is.
  const replace = (old, fresh) => {
    const selection = document.getSelection();
    const isRead = !selection.isCollapsed && old.contains(selection.anchorNode);
    if (isRead || old.innerHTML === fresh.innerHTML) return;
    const focus = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    old.replaceChildren(...fresh.childNodes);
    const again = [...old.querySelectorAll("a")].find((link) => focus && link.getAttribute("href") === focus);
    if (again) again.focus({ preventScroll: true });
  };

  const refusal = async (answer) => {
    try {
      const told = await answer.json();
      return `${told.error}; ${told.hint}`;
    } catch {
      return `status ${answer.status}`;
    }
  };

  const ask = async () => {
    if (asking || paused || document.hidden) return;
    asking = true;
    askedAt = Date.now();
    try {
      const answer = await fetch("/ui", { cache: "no-store" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        // Who pressed Pause meanwhile reads what is there.
        if (paused) return;
        document.title = fresh.title;
        for (const old of document.querySelectorAll("[data-part]")) {
          const panel = fresh.getElementById(old.id);
          if (panel) replace(old, panel);
        }
        silentSince = null;
        say("live", "good");
      } else {
        silent(await refusal(answer));
      }
    } catch (error) {
      if (!paused) silent("the node cannot be reached; trying again");
    } finally {
      asking = false;
      if (!paused) plan(SILENCE_MS);
    }
  };

  const plan = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(ask, Math.max(milliseconds, askedAt + PAUSE_MS - Date.now()));
  };

  const listen = () => {
    if (paused) return;
    stream = new EventSource("/blocks/stream");
    stream.addEventListener("block", () => {
      retryMs = 1000;
      plan(0);
    });
    // Also the event with which a node ends its streams.
    stream.addEventListener("error", () => {
      stream.close();
      retryTimer = setTimeout(listen, retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    });
  };

  button.type = "button";
  button.textContent = "Pause";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    if (paused) {
      stream.close();
      clearTimeout(timer);
      clearTimeout(retryTimer);
      say("PAUSED", "bad");
    } else {
      listen();
      ask();
    }
  });
  document.addEventListener("visibilitychange", () => plan(0));

  state.setAttribute("role", "status");
  live.replaceChildren(state, " ", button);
  say("live", "good");
  listen();
  plan(SILENCE_MS);
})();
