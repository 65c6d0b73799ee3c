// The page that a link from production leads to: logs in by the token behind the #, and goes on to the administration.

import { answer, tokenOfAddress } from "./links.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const { done, words } = await answer(facts, { token: tokenOfAddress() });
if (done) location.replace("/admin");
else document.querySelector('[data-slot="state"]').textContent = words;
