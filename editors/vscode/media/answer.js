// The page of an answer: shows what it is sent, reports clicks. It keeps nothing.
// @ts-check
(() => {
  // @ts-expect-error the editor puts this function there
  const editor = acquireVsCodeApi();
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  let shown = { id: '', blocks: /** @type {string[]} */ ([]) };

  window.addEventListener('message', ({ data }) => {
    const text = find('text');
    const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 40;
    if (data.id !== shown.id) {
      text.replaceChildren();
      shown = { id: data.id, blocks: [] };
    }
    // Finished blocks never change, so what the reader has selected stays selected.
    for (const block of data.blocks.slice(shown.blocks.length)) {
      const place = document.createElement('div');
      place.innerHTML = block;
      text.append(place);
    }
    shown.blocks = data.blocks;
    find('title').textContent = data.title;
    find('notes').textContent = data.notes.join(' ');
    const cut = find('cut');
    cut.hidden = data.cut === null;
    cut.textContent = data.cut ?? '';
    find('stop').hidden = !data.running;
    find('document').hidden = !data.document;
    document.body.classList.toggle('running', data.running);
    const sources = find('sources');
    sources.hidden = data.sources.length === 0;
    sources.querySelector('ol')?.replaceChildren(
      ...data.sources.map((/** @type {{ title: string, target: string }} */ { title, target }) => {
        const link = document.createElement('a');
        link.href = '#';
        link.dataset.target = target;
        link.title = target;
        link.textContent = title;
        const item = document.createElement('li');
        item.append(link);
        return item;
      }),
    );
    if (atEnd && data.running) {
      window.scrollTo(0, document.body.scrollHeight);
    }
  });

  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[data-target]') : null;
    if (link instanceof HTMLElement) {
      event.preventDefault();
      editor.postMessage({ kind: 'open', target: link.dataset.target });
    }
  });
  for (const kind of ['stop', 'document']) {
    find(kind).addEventListener('click', () => editor.postMessage({ kind }));
  }
  editor.postMessage({ kind: 'ready' });
})();
