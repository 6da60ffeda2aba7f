/** The element of that id. */
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html lacks #${id}`);
  return found as E;
}

/** Where the page's server listens: beside the page. */
export function rpcUrl(): string {
  return new URL("rpc", location.href.replace(/^http/, "ws")).href;
}

/** Says something in an element with `role="status"`. */
export function say(status: HTMLElement, text: string, mood: "" | "good" | "bad" = ""): void {
  // Some texts are of errors, which begin in lower case.
  status.textContent = text.charAt(0).toUpperCase() + text.slice(1);
  status.className = `status ${mood}`;
}

/** Has files taken that are picked or dropped, one at a time. */
export function takeFiles(picker: HTMLInputElement, drop: HTMLElement, take: (file: File) => void): void {
  picker.addEventListener("change", () => {
    const file = picker.files?.[0];
    if (file !== undefined) take(file);
    // Picking the same file again is a change, too.
    picker.value = "";
  });
  const over = (event: DragEvent) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.addEventListener("dragenter", over);
  drop.addEventListener("dragover", over);
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) take(file);
  });
}
