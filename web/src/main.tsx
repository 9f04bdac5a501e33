import "./style/tokens.css";
import "./style/base.css";
import "./style/ui.css";
import "./style/app.css";
import "./style/home.css";
import "./style/room.css";
import "./style/people.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

// A page that the browser restores after "back" may show the data of a person who has signed out since.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// public/start.js removes the root where the browser is too old, and checks the mark.
const root = document.getElementById("root");
document.documentElement.dataset.started = "yes";
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
