// Answers while they are written: what is not known is passed over, and nothing of them can act.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answers, readNote, sourcesOf } from '../src/answers';
import { allowed, render } from '../src/markdown';

test('an answer adds up from its steps', () => {
  const answers = new Answers();
  const take = (value: unknown): void => {
    const note = readNote(value);
    assert.ok(note, JSON.stringify(value));
    answers.take(note);
  };
  take({ kind: 'started', id: 3, title: 'Explain this', task: 'explain', uri: 'file:///a.rs' });
  take({ kind: 'block', id: 3, markdown: 'First, see [a.rs:7](file:///a.rs#L7).' });
  take({ kind: 'note', id: 3, text: 'Written by a model in the house.' });
  take({ kind: 'block', id: 3, markdown: 'Then [again](file:///a.rs#L7), [b](file:///b.rs#L1).' });
  const note = readNote({ kind: 'done', id: 3, document: 'file:///answers/1.md', cut: null, future: [1] });
  assert.ok(note);
  assert.deepEqual(answers.take(note), {
    id: '3',
    title: 'Explain this',
    uri: 'file:///a.rs',
    blocks: ['First, see [a.rs:7](file:///a.rs#L7).', 'Then [again](file:///a.rs#L7), [b](file:///b.rs#L1).'],
    notes: ['Written by a model in the house.'],
    sources: [
      { title: 'a.rs:7', target: 'file:///a.rs#L7' },
      { title: 'b', target: 'file:///b.rs#L1' },
    ],
    running: false,
    document: 'file:///answers/1.md',
    cut: undefined,
  });
});

test('what is not known, is passed over', () => {
  for (const odd of [null, 3, 'block', [], {}, { kind: 'block' }, { kind: 'block', id: 1 }, { kind: 'picture', id: 1 }, { kind: 'started' }, { kind: 'note', id: {}, text: 'x' }]) {
    assert.equal(readNote(odd), undefined, JSON.stringify(odd));
  }
  assert.deepEqual(readNote({ kind: 'started', id: 'a', colour: 'red' }), { kind: 'started', id: 'a', title: 'Answer', uri: undefined });
  // A step of an answer that nobody saw begin.
  assert.equal(new Answers().take({ kind: 'block', id: '9', markdown: 'x' }), undefined);
});

test('an answer without an end is bounded, and so are their number', () => {
  const answers = new Answers();
  answers.take({ kind: 'started', id: '1', title: 't', uri: undefined });
  for (let step = 0; step < 100; step += 1) {
    answers.take({ kind: 'block', id: '1', markdown: 'x'.repeat(10_000) });
  }
  const [cut] = answers.interrupt('gone');
  assert.ok(cut && cut.blocks.join('').length <= 400_000);
  assert.equal(cut.cut, 'gone');
  for (let id = 2; id < 60; id += 1) {
    answers.take({ kind: 'started', id: String(id), title: 't', uri: undefined });
  }
  assert.equal(answers.take({ kind: 'block', id: '1', markdown: 'x' }), undefined);
});

test('Markdown is shown and can do nothing', () => {
  assert.match(render('a **b** `c`\n\n```rust\nlet x = 1 < 2;\n```'), /<strong>b<\/strong> <code>c<\/code>[\s\S]*1 &lt; 2/u);
  const shown = render(
    [
      '<script>alert(1)</script><img src=x onerror=alert(2)>',
      '![p](https://example.org/p.png)',
      '[j](javascript:alert(3)) [c](command:workbench.action.quit) [d](data:text/html,x)',
      '[f](file:///a.rs#L7 "onmouseover=x") [h](https://example.org/?a=%22><b>)',
    ].join('\n\n'),
  );
  assert.doesNotMatch(shown, /<script|<img|href="(?!#")/u);
  assert.doesNotMatch(shown, /data-target="(javascript|command|data)/u);
  assert.match(shown, /<a href="#" data-target="file:\/\/\/a\.rs#L7"/u);
});

test('links lead to files and pages only', () => {
  for (const good of ['file:///a.rs', 'https://example.org', 'HTTP://example.org']) {
    assert.ok(allowed(good), good);
  }
  for (const bad of ['javascript:x', 'command:x', 'vscode://x', 'data:x', 'a.rs', '', 'file:a', ' ']) {
    assert.ok(!allowed(bad), bad);
  }
  assert.deepEqual(sourcesOf('![x](file:///p.png) [page](https://example.org) [f](<file:///b>)'), [{ title: 'f', target: 'file:///b' }]);
});
