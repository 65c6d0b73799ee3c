// The page that is only a log-in form.

import { logins } from "./login.js";

logins(JSON.parse(document.getElementById("facts").textContent));
