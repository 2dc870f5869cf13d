// A server that answers one question, for the view in which answers appear: it offers one code action, and
// on its command sends the notifications of an answer, among them what no server should send. What the real one
// sends is tried in `answers.mjs`.
import { fileURLToPath } from 'node:url';

const send = (message) => {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const note = (params) => send({ method: 'foretoken/assist', params });

let asked;
function answer(uri) {
  note({ kind: 'started', id: 1, title: 'Explain this', task: 'explain', uri });
  note({ kind: 'block', id: 1, markdown: `\`report\` prints three rows. The rows come from [calls.py:3](${uri}#L3).` });
  note({ kind: 'note', id: 1, text: 'Written by a model in the house.' });
  note({ kind: 'colours', id: 1, red: true });
  note({ kind: 'block', id: 1, markdown: '```python\nprint_table_row("alpha", rows["alpha"], width=20)\n```\n\n<img src=x onerror="document.title=1"> [do](command:workbench.action.closeWindow)' });
  setTimeout(() => {
    note({ kind: 'block', id: 1, markdown: `It returns \`total\`, see [calls.py:7](${uri}#L7).` });
    note({ kind: 'done', id: 1, document: `${uri}#L1`, cut: null });
  }, 1500);
}

function receive({ id, method, params }) {
  switch (method) {
    case 'initialize':
      asked = params.capabilities.experimental?.foretoken?.assist;
      return send({ id, result: { capabilities: { textDocumentSync: 1, codeActionProvider: true, executeCommandProvider: { commands: ['foretoken.explain', 'foretoken.status', 'foretoken.cancel'] } } } });
    case 'initialized':
      return send({ method: 'didChangeStatus', params: { busy: false, kind: 'Normal', message: '' } });
    case 'textDocument/codeAction': {
      const command = { title: 'Foretoken: Explain this', command: 'foretoken.explain', arguments: [{ uri: params.textDocument.uri }] };
      return send({ id, result: [{ title: command.title, kind: 'refactor.foretoken.explain', command }] });
    }
    case 'workspace/executeCommand':
      send({ id, result: null });
      return params.command === 'foretoken.explain' && asked === 1 && answer(params.arguments[0].uri);
    case 'exit':
      return process.exit(0);
    default:
      return id === undefined ? undefined : send({ id, result: null });
  }
}

let bytes = Buffer.alloc(0);
process.stdin.on('end', () => process.exit(1));
process.stdin.on('data', (more) => {
  bytes = Buffer.concat([bytes, more]);
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n');
    const length = Number(/Content-Length: (\d+)/iu.exec(bytes.toString('latin1', 0, Math.max(end, 0)))?.[1]);
    if (end < 0 || bytes.length < end + 4 + length) {
      return;
    }
    const body = bytes.subarray(end + 4, end + 4 + length);
    bytes = bytes.subarray(end + 4 + length);
    receive(JSON.parse(body.toString('utf8')));
  }
});

export const path = fileURLToPath(import.meta.url);
