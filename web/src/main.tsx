import "./style/tokens.css";
import "./style/base.css";
import "./style/ui.css";
import "./style/app.css";
import "./style/home.css";
import "./style/room.css";
import "./style/people.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
