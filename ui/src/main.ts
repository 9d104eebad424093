/** Starts the page: its language, routes, the socket, the shell. */

import { mount } from "svelte";
import "./app.css";
import { watchAhead } from "./live/executionView.svelte";
import { language } from "./live/language.svelte";
import { notifications } from "./live/notifications.svelte";
import { router } from "./live/router.svelte";
import { socket } from "./live/socket.svelte";
import { open } from "./pages/open";
import Root from "./Root.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
router.start();
// It comes while the rest starts; where it can't be had, the page itself says so.
if (router.route.page !== "unknown") open(router.route.page).catch(() => undefined);
if (router.route.page === "execution") watchAhead(router.route.id);
socket.start();
notifications.start();
await language.start();
mount(Root, { target });
