// The log-in form and the log-out button: fetch, then the page again as the server makes it for this person.

import { ask } from "./graphql.js";

const BUSY = "This did not work just now. Please try again in a moment.";

export function logins(facts) {
  const form = document.getElementById("log-in");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, facts);
  });
  form?.querySelector("fieldset").removeAttribute("disabled");
  const leave = document.getElementById("log-out");
  leave?.removeAttribute("disabled");
  leave?.addEventListener("click", async () => {
    await ask(facts.graphql, facts.logOut);
    location.reload();
  });
}

async function submit(form, facts) {
  const problem = form.querySelector('[data-slot="problem"]');
  const typed = Object.fromEntries(new FormData(form));
  const fields = form.querySelector("fieldset");
  fields.disabled = true;
  const words = await attempt(facts, typed);
  fields.disabled = false;
  if (words === null) {
    location.reload();
    return;
  }
  problem.textContent = words;
  problem.hidden = false;
  form.elements.password.value = "";
  form.elements.password.focus();
}

// Returns null once somebody is logged in, else what to tell them.
async function attempt(facts, input) {
  try {
    const { data, errors } = await ask(facts.graphql, facts.logIn, { input });
    if (errors) return errors[0].extensions?.code === "INTERNAL" ? BUSY : errors[0].message;
    return data.logIn.userErrors[0]?.message ?? null;
  } catch {
    return BUSY;
  }
}
