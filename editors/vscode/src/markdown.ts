// Markdown of an answer as HTML that can do no more than be read: no raw HTML, no pictures, and links
// only to files and pages, which the page hands to the extension.

import MarkdownIt from 'markdown-it';

const engine = new MarkdownIt({ html: false, linkify: false, breaks: false });
// A picture would fetch an address of somebody else's choosing.
engine.disable('image');
engine.validateLink = (target) => allowed(target);
engine.renderer.rules['link_open'] = (tokens, index) => {
  const target = String(tokens[index]?.attrGet('href') ?? '');
  const shown = engine.utils.escapeHtml(target);
  return `<a href="#" data-target="${shown}" title="${shown}">`;
};

/** Whether a link may be offered: a file of this machine, or a page. */
export function allowed(target: string): boolean {
  return /^(file|https?):\/\//iu.test(target.trim());
}

/** The text as HTML. */
export function render(markdown: string): string {
  return engine.render(markdown);
}
