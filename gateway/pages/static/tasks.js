// System tasks: RUN, and the log of a run while it goes on. The list itself is the server's: it is fetched again.

import { ask, follow } from "./graphql.js";

const LIST_EVERY = 15000;
const UNFINISHED = ["QUEUED", "RUNNING"];

export function tasks(facts, onRefusal) {
  if (!document.getElementById("tasks")) return;
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: facts.zone });
  const panel = document.getElementById("run");
  let stop = () => {};

  document.getElementById("tasks").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.run) run(button);
    if (button?.dataset.log) watch(button.dataset.log, button.dataset.title);
  });
  enable();
  setInterval(() => document.hidden || refresh(), LIST_EVERY);

  async function run(button) {
    button.disabled = true;
    const { name, title } = { name: button.dataset.run, title: button.dataset.title };
    const said = await press(name);
    button.disabled = false;
    if (said.id) watch(said.id, title);
    else tell(title, said.problem, []);
  }

  async function press(name) {
    try {
      const { data, errors } = await ask(facts.graphql, facts.run, { name });
      if (errors) {
        onRefusal(errors.map((error) => error.extensions?.code));
        return { problem: errors[0].message };
      }
      const { run, userErrors } = data.runSystemTask;
      return run ? { id: run.id } : { problem: userErrors[0]?.message };
    } catch {
      return { problem: "The server did not answer. Please try again in a moment." };
    }
  }

  function watch(id, title) {
    stop();
    let before = "";
    tell(title, "", []);
    panel.querySelector("h3").focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
    stop = follow(facts.graphql, facts.log, {
      variables: { id },
      onRefusal: (codes) => onRefusal(codes) || codes.includes("task.run_not_found"),
      onState({ systemTaskRun: { state, log } }) {
        tell(title, facts.states[state], log.edges.map(({ node }) => node));
        if (state !== before) refresh();
        before = state;
        if (!UNFINISHED.includes(state)) stop();
      },
    });
  }

  function tell(title, state, lines) {
    panel.hidden = false;
    panel.querySelector("h3").textContent = title;
    panel.querySelector('[data-slot="state"]').textContent = state;
    panel.querySelector('[data-slot="log"]').replaceChildren(...lines.map(line));
  }

  function line({ at, level, message }) {
    const item = document.createElement("li");
    item.className = level;
    const moment = document.createElement("time");
    moment.dateTime = at;
    moment.textContent = time.format(new Date(at));
    item.append(moment, " ", message);
    return item;
  }

  async function refresh() {
    try {
      const response = await fetch(location.pathname, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("tasks");
      const focused = document.activeElement?.dataset ?? {};
      if (!response.ok || !fresh) return;
      document.getElementById("tasks").replaceChildren(...fresh.children);
      enable();
      const kept = focused.run ? `[data-run="${focused.run}"]` : focused.log && `[data-log="${CSS.escape(focused.log)}"]`;
      if (kept) document.getElementById("tasks").querySelector(kept)?.focus();
    } catch {
      // The list stays as it is; the next time is soon.
    }
  }

  function enable() {
    for (const button of document.querySelectorAll("#tasks button")) button.disabled = false;
  }
}
