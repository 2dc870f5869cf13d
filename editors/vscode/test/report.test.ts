// The server's report in words, whole and with parts missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe, readStatus, why } from '../src/report';

const uri = 'file:///a.py';

function status(last: unknown, more: object = {}): unknown {
  return {
    enabled: true,
    device: 'cpu',
    model: { state: 'ready', name: 'foretoken-embedded', version: '1', library: '1.31.0' },
    latencyMs: { hit: { p50: 0.42 }, model: { p50: 37.4 } },
    offers: { offered: 12, accepted: 3, acceptedCharacters: 90 },
    governor: { sentence: null },
    documents: [{ uri, last }],
    ...more,
  };
}

test('a whole report', () => {
  assert.deepEqual(describe(status(null)), [
    'Model: foretoken-embedded 1 on cpu',
    'ONNX Runtime: 1.31.0',
    'Median answer from the model: 37 ms',
    'Median answer that was at hand: 0.4 ms',
    'Offered 12, accepted 3 (90 characters)',
  ]);
});

test('parts that are missing or odd leave their line out', () => {
  for (const odd of [undefined, null, 3, [], {}, { model: 'x', offers: [], latencyMs: { model: { p50: null } } }]) {
    assert.deepEqual(describe(odd), [], JSON.stringify(odd));
  }
  assert.deepEqual(describe({ model: { state: 'unavailable', message: 'The library is too old.' }, enabled: false }), [
    'Model: none. The library is too old. Suggestions come from the words of the open files.',
    'Suggestions are switched off by a setting.',
  ]);
});

test('the notification is read leniently', () => {
  assert.deepEqual(readStatus({ busy: true, kind: 'Warning', message: 'm', command: 1 }), { busy: true, kind: 'Warning', message: 'm' });
  for (const odd of [undefined, null, 'x', { kind: 'Other', busy: 1, message: 2 }]) {
    assert.deepEqual(readStatus(odd), { busy: false, kind: 'Normal', message: '' });
  }
});

test('why nothing is shown: the nearest cause', () => {
  const ask = (over: object): string => why({ inlineSuggest: true, status: status(null), uri, ...over }).sentence;
  assert.match(ask({ inlineSuggest: false }), /editor\.inlineSuggest\.enabled/u);
  assert.match(ask({ status: undefined }), /does not run/u);
  assert.match(ask({ status: status(null, { enabled: false }) }), /switched off/u);
  assert.match(ask({ uri: 'file:///other' }), /does not have this file open/u);
  assert.match(ask({}), /Nothing was asked for/u);
  assert.equal(ask({ status: status({ reason: 'in-word', sentence: 'The cursor stands inside a word.' }) }), 'The cursor stands inside a word.');
  assert.match(ask({ status: status({ source: 'model' }) }), /had an answer/u);
});
