/** Whether the browser has popovers: Chrome before 114, Firefox before 125 and Safari before 17 do not. */
export const popovers = typeof HTMLElement.prototype.showPopover === "function";
