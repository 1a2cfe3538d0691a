// A style inside a prompt: found, put in, swapped, taken out. Pure.

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const asWord = (style) => new RegExp(`(?<![\\p{L}\\p{N}])${escape(style)}(?![\\p{L}\\p{N}])`, "iu");

/** Which of the styles a prompt asks for. */
export function stylesIn(prompt, styles) {
  return styles.filter((style) => asWord(style).test(prompt));
}

/** The prompt after a click on a style: taken out if it was there, swapped with another, or added after a comma. */
export function withStyle(prompt, style, styles) {
  const [present] = stylesIn(prompt, styles);
  if (present === undefined) return tidy(prompt ? `${prompt}, ${style}` : style);
  return tidy(prompt.replace(asWord(present), present === style ? "" : style));
}

function tidy(prompt) {
  return prompt.split(",").map((part) => part.trim().replace(/\s+/g, " ")).filter(Boolean).join(", ");
}

/** What to begin with: words that repaint whatever the camera sees, so a style rather than a subject. */
export function firstPrompt(styles, suggestions) {
  return stylesIn(suggestions[0] ?? "", styles)[0] ?? styles[0] ?? suggestions[0] ?? "";
}
