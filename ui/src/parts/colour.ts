/** Colours of the theme for what is drawn on a canvas, which knows no variables. */

export function colourOf(element: Element, variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
