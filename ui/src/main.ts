/** Starts the page: its language, routes, the socket, the shell. */

import { mount } from "svelte";
import "./app.css";
import { language } from "./live/language.svelte";
import { notifications } from "./live/notifications.svelte";
import { router } from "./live/router.svelte";
import { socket } from "./live/socket.svelte";
import Root from "./Root.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
router.start();
socket.start();
notifications.start();
await language.start();
mount(Root, { target });
