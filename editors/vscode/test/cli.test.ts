// The program as a command: a secret goes in by its input, and comes out nowhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsIn, run, sentence } from '../src/cli';

const node = process.execPath;

test('a secret is read from the input and stands in no argument', async () => {
  const script = 'let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => { console.error(`foretoken: ${text.length} characters, ${process.argv.length} arguments`); });';
  const said = await run(node, ['-e', script], { env: process.env, input: 'secret\n' });
  assert.equal(said.code, 0);
  assert.equal(sentence(said), '7 characters, 1 arguments');
});

test('a program that reads nothing, fails or is not there', async () => {
  assert.equal((await run(node, ['-e', 'process.exit(3)'], { env: process.env, input: 'x'.repeat(1 << 20) })).code, 3);
  await assert.rejects(run('/nowhere/foretoken', [], { env: process.env }));
});

test('endpoints are read leniently', () => {
  assert.deepEqual(endpointsIn('{"settings":{"remote.endpoints":{"value":["house","cloud",3]}}}'), ['house', 'cloud']);
  for (const odd of ['', 'null', '[]', '{}', '{"settings":{}}', '{"settings":{"remote.endpoints":{"value":null}}}']) {
    assert.deepEqual(endpointsIn(odd), [], odd);
  }
});
