/** Starts the page: routes, the socket, the shell. */

import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { router } from "./live/router.svelte";
import { socket } from "./live/socket.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
router.start();
socket.start();
mount(App, { target });
