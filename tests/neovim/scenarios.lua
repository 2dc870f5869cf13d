-- What a user of Neovim does with ghost text. No scenario knows which words the server offers: it
-- reads them from the screen and demands that exactly they are inserted. The fixtures repeat
-- themselves so much that any model has something to offer.

---@class Scenario
---@field name string
---@field setting? Setting
---@field run fun(editor: Editor)

---@type Scenario[]
local scenarios = {}

---@param name string
---@param run fun(editor: Editor)
---@param setting? Setting
local function scenario(name, run, setting)
  table.insert(scenarios, { name = name, run = run, setting = setting or {} })
end

local UTF16 = { encoding = 'utf-16' }
local MENU = { menu = true }
-- What the words of the file offer is certain; a model may end earlier.
local WORDS = { words = true }

-- Ends in a call that stands above it three times.
local CALLS = [[
def report(rows):
    total = 0
    print_table_row("alpha", rows["alpha"], width=20)
    print_table_row("alpha", rows["alpha"], width=20)
    print_table_row("alpha", rows["alpha"], width=20)
    print_t$0
    return total
]]

-- Ends after the opener of a block whose like stands above it three times.
local BLOCKS = [[
fn read_first(source: &mut Source) -> Result<Row, Error> {
    let row = source.next_row()?;
    source.count_one_more_row();
    check_the_row(&row)?;
    Ok(row)
}

fn read_second(source: &mut Source) -> Result<Row, Error> {
    let row = source.next_row()?;
    source.count_one_more_row();
    check_the_row(&row)?;
    Ok(row)
}

fn read_third(source: &mut Source) -> Result<Row, Error> {
    let row = source.next_row()?;
    source.count_one_more_row();
    check_the_row(&row)?;
    Ok(row)
}

fn read_fourth(source: &mut Source) -> Result<Row, Error> {
$0
}
]]

-- Ends in front of closing brackets.
local INSIDE = [[
function draw(canvas, shapes) {
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, def$0));
}
]]

-- Characters of two UTF-16 units and of four bytes left of the cursor.
local ASTRAL = [[
def greet(log):
    log.write_line("😀 𝒳é", colour_of_greeting)
    log.write_line("😀 𝒳é", colour_of_greeting)
    log.write_line("😀 𝒳é", colour_of_greeting)
    log.write_line("😀 𝒳é", col$0)
]]

--- Accepting inserts exactly what was drawn, wherever the cursor stands.
---@param name string
---@param file string
---@param fixture string
---@param key string typed to begin with
---@param setting? Setting
local function accepts(name, file, fixture, key, setting)
  scenario(name, function(editor)
    editor:open(file, fixture)
    editor:input(key)
    local ghost = editor:ghost()
    editor:input('<C-F>')
    editor:holds(key .. ghost, 'the buffer after accepting ' .. vim.inspect(ghost))
  end, setting)
end

accepts('accept at the end of a line', 'calls.py', CALLS, 'a')
accepts('accept in the middle of a line', 'inside.js', INSIDE, 'a')
accepts('accept in an empty block', 'block.rs', BLOCKS, '    ')
accepts('accept behind astral characters, utf-8', 'astral.py', ASTRAL, 'o')
accepts('accept behind astral characters, utf-16', 'astral16.py', ASTRAL, 'o', UTF16)
accepts('accept in the middle of a line, utf-16', 'inside16.js', INSIDE, 'a', UTF16)

scenario('accept several lines', function(editor)
  editor:open('blocks.rs', BLOCKS)
  editor:input('    ')
  local ghost = editor:ghost()
  assert(ghost:find('\n'), 'one line only: ' .. vim.inspect(ghost))
  editor:input('<C-F>')
  editor:holds('    ' .. ghost, 'the buffer after accepting ' .. vim.inspect(ghost))
  -- The cursor stands behind the inserted text, so typing goes on there.
  editor:input(';')
  editor:holds('    ' .. ghost .. ';', 'the buffer after typing on')
end, WORDS)

for _, fixture in ipairs({ CALLS, BLOCKS }) do
  local name = fixture == CALLS and 'line' or 'block'
  scenario(('accept in a file with CRLF, %s'):format(name), function(editor)
    local key = fixture == CALLS and 'a' or '    '
    editor:open(('crlf-%s.%s'):format(name, fixture == CALLS and 'py' or 'rs'), (fixture:gsub('\n', '\r\n')))
    editor:equal(editor:lua('return vim.bo.fileformat'), 'dos', 'the file format')
    editor:input(key)
    local ghost = editor:ghost()
    editor:equal(ghost:find('\n') ~= nil, fixture == BLOCKS, 'several lines')
    editor:input('<C-F>')
    editor:holds(key .. ghost, 'the buffer after accepting ' .. vim.inspect(ghost))
    editor:input('<Esc>:write<CR>')
    editor:wait('the written file', function()
      return not editor:lua('return vim.bo.modified')
    end)
    local file = assert(io.open(editor:lua('return vim.api.nvim_buf_get_name(0)'), 'rb'))
    local bytes = file:read('a')
    file:close()
    local should = fixture:gsub('%$0', function()
      return key .. ghost
    end):gsub('\n', '\r\n')
    editor:equal(bytes, should, 'the bytes of the written file')
  end, WORDS)
end

-- What hands do to a text beside typing at its end.
local EDITS = {
  'yyP',
  'jddp',
  'o😀 𝒳é<BS>e\u{301}<Esc>',
  'kJ',
  ':%s/o/🦀/g<CR>',
  'ggOfirst<CR>second<CR><Esc>',
  'Gdd',
  'uuu<C-R>',
  'gg0d2w.',
  'VG>',
  'yyGpp',
  'A😀<C-W><C-U>x<Esc>',
  ':g/x/normal Ay<CR>',
  'ggVGcemptied<Esc>',
  'u',
  'ggdG',
  'ione line<Esc>',
}

for _, case in ipairs({ { 'utf-8', '\n' }, { 'utf-16', '\n' }, { 'utf-8', '\r\n' }, { 'utf-16', '\r\n' } }) do
  local encoding, ends = case[1], case[2]
  local name = ('the server holds the text of the editor, %s, %s'):format(encoding, ends == '\n' and 'LF' or 'CRLF')
  scenario(name, function(editor)
    editor:open('edits.txt.py', (ASTRAL:gsub('\n', ends)))
    editor:input('<Esc>')
    for _, keys in ipairs(EDITS) do
      editor:input(keys)
      editor:settle(false)
      editor:in_step()
    end
    editor:wait('the last of the edits', function()
      return editor:text() == 'one line\n'
    end)
    editor:in_step()
  end, encoding == 'utf-16' and UTF16 or {})
end

scenario('undo takes back the suggestion alone, redo brings it again', function(editor)
  editor:open('undo.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<C-F>')
  editor:holds('a' .. ghost, 'the buffer after accepting')
  editor:input('<Esc>u')
  editor:holds('a', 'the buffer after one undo')
  editor:input('<C-R>')
  editor:holds('a' .. ghost, 'the buffer after redo')
end)

scenario('accept word by word', function(editor)
  editor:open('words.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  local typed = 'a'
  for _ = 1, 2 do
    editor:input('<C-Right>')
    editor:wait('the first word of ' .. vim.inspect(ghost), function()
      return editor:text() ~= CALLS:gsub('%$0', function() return typed end)
    end)
    local line = editor:call('nvim_get_current_line')
    local word = line:sub(#'    print_t' + #typed + 1)
    assert(word ~= '' and #word < #ghost, 'not a part: ' .. vim.inspect(word))
    editor:equal(word, ghost:sub(1, #word), 'the accepted part')
    assert(not vim.trim(word):find('[%w_][^%w_]+[%w_]'), 'more than a word: ' .. vim.inspect(word))
    typed = typed .. word
    editor:holds(typed, 'the buffer after accepting a word')
    ghost = editor:ghost()
  end
  editor:input('<C-F>')
  editor:holds(typed .. ghost, 'the buffer after accepting the rest')
end)

--- How much the server has counted since `before`.
---@param editor Editor
---@param before table counts of offers
---@return table
local function counted(editor, before)
  local now = editor:status().offers
  return vim.tbl_map(function(name)
    return now[name] - before[name]
  end, { accepted = 'accepted', whole = 'acceptedWhole', characters = 'acceptedCharacters', dismissed = 'dismissed' })
end

scenario('an accepted suggestion is counted once', function(editor)
  editor:open('counted.py', CALLS)
  local before = editor:status().offers
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<C-F>')
  editor:holds('a' .. ghost, 'the buffer after accepting')
  editor:equal(
    vim.inspect(counted(editor, before)),
    vim.inspect({ accepted = 1, whole = 1, characters = vim.fn.strchars(ghost), dismissed = 0 }),
    'the counts'
  )
end)

scenario('an accepted word is counted by its characters', function(editor)
  editor:open('counted-word.py', CALLS)
  local before = editor:status().offers
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<C-Right>')
  editor:wait('the word', function()
    return counted(editor, before).accepted == 1
  end)
  local word = editor:call('nvim_get_current_line'):sub(#'    print_ta' + 1)
  assert(vim.startswith(ghost, word) and word ~= ghost, word)
  editor:equal(
    vim.inspect(counted(editor, before)),
    vim.inspect({ accepted = 1, whole = 0, characters = vim.fn.strchars(word), dismissed = 0 }),
    'the counts'
  )
end)

scenario('keys typed along before accepting are not doubled', function(editor)
  editor:open('along.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  -- One input, so that accepting happens before any further answer.
  editor:input(ghost:sub(1, 2) .. '<C-F>')
  editor:holds('a' .. ghost, 'the buffer after accepting')
end)

scenario('keys typed against a suggestion make it go at once', function(editor)
  editor:open('against.py', CALLS)
  editor:input('a')
  editor:ghost()
  -- Looks after all others have handled the key, and before any answer to it can have come.
  editor:lua([[
    vim.api.nvim_create_autocmd('CursorMovedI', {
      buffer = 0,
      callback = function()
        local space = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
        _G.left = #vim.api.nvim_buf_get_extmarks(0, space, 0, -1, {})
      end,
    })
  ]])
  editor:input('@')
  editor:holds('a@', 'the buffer after typing on')
  editor:equal(
    editor:wait('the key to be handled', function()
      return editor:lua('return _G.left') ~= vim.NIL and editor:lua('return _G.left')
    end),
    0,
    'the ghost texts that are left'
  )
end)

scenario("the server is asked at the key, not after Neovim's wait of 200 ms", function(editor)
  editor:open('at-once.py', CALLS)
  editor:lua([[
    local typed
    _G.waits = {}
    vim.api.nvim_create_autocmd('InsertCharPre', {
      buffer = 0,
      callback = function()
        typed = vim.uv.hrtime()
      end,
    })
    vim.api.nvim_create_autocmd('LspRequest', {
      buffer = 0,
      callback = function(event)
        local request = event.data.request
        if typed and request.type == 'pending' and request.method == 'textDocument/inlineCompletion' then
          table.insert(_G.waits, (vim.uv.hrtime() - typed) / 1e6)
          typed = nil
        end
      end,
    })
  ]])
  for key in ('able'):gmatch('.') do
    editor:input(key)
    editor:ghost()
  end
  local waits = editor:lua('return _G.waits')
  editor:equal(#waits, 4, 'the number of keys with a request')
  -- A busy machine may delay one key, but hardly each of them.
  assert(math.min(unpack(waits)) < 100, vim.inspect(waits))
end)

scenario('accepting a suggestion that was typed against changes nothing', function(editor)
  editor:open('refused.py', CALLS)
  editor:input('a')
  editor:ghost()
  editor:input('@<C-F>')
  editor:holds('a@', 'the buffer after the key')
end)

scenario('a suggestion that was put away is gone and the buffer as typed', function(editor)
  editor:open('dismissed.py', CALLS)
  editor:input('a')
  editor:ghost()
  local before = editor:status().offers
  editor:input('<C-]>')
  editor:wait('no ghost text', function()
    return editor:drawn() == vim.NIL
  end)
  editor:equal(counted(editor, before).dismissed, 1, 'the count of the server')
  editor:input('<C-F>')
  editor:holds('a', 'the buffer')
end)

scenario('leaving insert mode leaves the buffer as typed', function(editor)
  editor:open('left.py', CALLS)
  editor:input('a')
  editor:ghost()
  editor:input('<Esc>')
  editor:settle(false)
  editor:equal(editor:drawn(), vim.NIL, 'the ghost text')
  editor:holds('a', 'the buffer')
end)

scenario('the key keeps its meaning where nothing is offered', function(editor)
  editor:open('plain.py', 'x = 1\n$0\n')
  editor:lua('vim.keymap.set("i", "<F5>", "<C-F>", { buffer = true, remap = true })')
  editor:lua('vim.bo.indentexpr, vim.bo.indentkeys = "4", "!^F"')
  editor:input('y<F5>')
  -- <C-F> indents the line by `indentexpr`; it must do so still.
  editor:holds('    y', 'the buffer')
end)

scenario('<Tab> takes a suggestion, jumps in a snippet, and is a tab otherwise', function(editor)
  editor:lua('vim.g.foretoken = vim.tbl_extend("force", vim.g.foretoken, { tab = true })')
  editor:open('tab.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<Tab>')
  editor:holds('a' .. ghost, 'the buffer after <Tab> on a suggestion')
  editor:reset()
  editor:open('tab-alone.py', 'x = 1$0\n')
  editor:lua('vim.bo.expandtab = false')
  editor:input('<Tab>y')
  editor:holds('\ty', 'the buffer after <Tab> alone')
  editor:input('<Esc>')
  editor:reset()
  editor:open('tab-snippet.py', 'x = 1\n$0\n')
  editor:lua('vim.snippet.expand("f(${1:a}, ${2:b})")')
  editor:input('1<Tab>')
  editor:wait('the next place of the snippet', function()
    return editor:call('nvim_get_mode').mode == 's'
  end)
  editor:input('2')
  editor:holds('f(1, 2)', 'the buffer after <Tab> in a snippet')
end, { own = 'tab' })

scenario('toggle switches suggestions off and on', function(editor)
  editor:open('toggle.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<Esc>')
  editor:settle(false)
  editor:call('nvim_command', 'Foretoken toggle')
  editor:equal(editor:lua('return vim.lsp.inline_completion.is_enabled({ bufnr = 0 })'), false, 'enabled')
  editor:call('nvim_command', 'Foretoken toggle')
  editor:input('a')
  editor:equal(editor:ghost(), ghost, 'the ghost text after toggling twice')
end)

scenario('the component of a status line says how things stand', function(editor)
  local function component()
    local call = '%{v:lua.require("foretoken").statusline()}'
    return editor:lua('return vim.api.nvim_eval_statusline(..., {}).str', call)
  end
  editor:open('component.py', CALLS)
  editor:input('a')
  editor:ghost()
  editor:wait('the server has nothing to do', function()
    return component() == 'Foretoken'
  end)
  editor:input('<Esc>')
  editor:settle(false)
  editor:call('nvim_command', 'Foretoken toggle')
  editor:equal(component(), 'Foretoken off', 'the component when switched off')
  editor:call('nvim_command', 'Foretoken toggle')
  editor:equal(component(), 'Foretoken', 'the component when switched on again')
  editor:call('nvim_command', 'new')
  editor:equal(component(), '', 'the component of a buffer without the server')
  editor:call('nvim_command', 'close')
end)

scenario('status, cancel and an unknown command answer', function(editor)
  editor:open('status.py', CALLS)
  editor:lua('_G.told = {}')
  editor:call('nvim_command', 'Foretoken status')
  local told = editor:wait('the status', function()
    return editor:lua('return _G.told[1]') ~= vim.NIL and editor:lua('return _G.told[1]')
  end)
  assert(vim.startswith(told, 'Foretoken 0.'), told)
  assert(told:find('\nmodel: ', 1, true) and told:find('\noffered %d+, accepted %d+'), told)
  editor:lua('_G.told = {}')
  editor:call('nvim_command', 'Foretoken cancel')
  editor:call('nvim_command', 'Foretoken nonsense')
  editor:equal(#editor:lua('return _G.told'), 1, 'the number of messages')
end)

scenario('checkhealth finds no error', function(editor)
  editor:open('health.py', CALLS)
  editor:input('<Esc>')
  editor:settle(false)
  editor:call('nvim_command', 'checkhealth foretoken')
  local report = editor:text()
  assert(not report:find('ERROR'), report)
  assert(report:find('shows ghost text') and report:find('client %d'), report)
  editor:call('nvim_command', 'bwipeout')
end)

scenario('a suggestion of another server is taken as that server made it', function(editor)
  editor:open('other.py', 'value = 1\n$0\n')
  editor:lua([[
    local function request(method, _, answer)
      if method == 'initialize' then
        answer(nil, { capabilities = { inlineCompletionProvider = true } })
      elseif method == 'textDocument/inlineCompletion' then
        answer(nil, { items = { { insertText = 'from elsewhere' } } })
      else
        answer(nil, vim.NIL)
      end
      return true, 1
    end
    vim.lsp.start({
      name = 'elsewhere',
      cmd = function()
        local function done() return true end
        return { request = request, notify = done, is_closing = function() return false end, terminate = done }
      end,
    })
  ]])
  editor:input('?')
  local ghost = editor:wait('ghost text', function()
    local found = editor:drawn()
    return type(found) == 'table' and found.text ~= '' and found.text
  end)
  editor:equal(ghost, 'from elsewhere', 'the ghost text')
  editor:input('<C-F>')
  editor:holds('?from elsewhere', 'the buffer')
end, { own = 'other' })

scenario('a suggestion in the completion menu', function(editor)
  editor:open('menu.py', CALLS)
  editor:input('a')
  editor:holds('a', 'the buffer before asking')
  editor:lua('vim.o.completeopt = "menuone,noinsert"')
  editor:input('<C-Space>')
  editor:wait('the menu', function()
    return editor:lua('return vim.fn.pumvisible() == 1')
  end)
  local word = editor:lua('return vim.fn.complete_info({ "items" }).items[1].user_data.nvim.lsp.completion_item.textEdit.newText')
  assert(vim.startswith(word, 'print_ta') and word ~= 'print_ta', 'the offer continues the word: ' .. word)
  editor:input('<C-Y>')
  editor:holds(word:sub(#'print_t' + 1), 'the buffer after taking ' .. vim.inspect(word))
end, MENU)

scenario('a server that stops is started again', function(editor)
  editor:open('restart.py', CALLS)
  local first = editor:server()
  editor:call('nvim_command', 'Foretoken restart')
  editor:wait('a new server', function()
    local pid = editor:server()
    return pid and pid ~= first
  end)
  editor:connected()
  editor:input('a')
  editor:ghost()
end, { own = 'restart' })

scenario('a model that cannot be loaded is told once, and words are offered', function(editor)
  editor:open('words-only.py', CALLS)
  editor:input('a')
  local ghost = editor:ghost()
  editor:input('<C-F>')
  editor:holds('a' .. ghost, 'the buffer')
  local told = editor:lua('return _G.told')
  editor:equal(#told, 1, 'the number of messages ' .. vim.inspect(told))
  assert(told[1]:find('/nowhere', 1, true), told[1])
  editor:equal(editor:lua('return require("foretoken").statusline()'), 'Foretoken !', 'the component')
end, { own = 'words', words = true })

scenario('a missing program is told once, with what to do, and can be put right', function(editor)
  editor:edit('missing.py', CALLS)
  local told = editor:wait('the message', function()
    return editor:lua('return _G.told[1]') ~= vim.NIL and editor:lua('return _G.told')
  end)
  assert(told[1]:find('/nowhere/foretoken', 1, true) and told[1]:find(':Foretoken restart', 1, true), told[1])
  editor:input('a')
  editor:holds('a', 'the buffer without a server')
  editor:input('<Esc>:checkhealth foretoken<CR>')
  local report = editor:wait('the report', function()
    return editor:text():find('ERROR') and editor:text()
  end)
  assert(report:find('/nowhere/foretoken', 1, true), report)
  editor:call('nvim_command', 'bwipeout')
  editor:equal(#editor:lua('return _G.told'), 1, 'the number of messages')
  editor:lua('vim.g.foretoken = { cmd = { ... } }', editor.program)
  editor:call('nvim_command', 'Foretoken restart')
  editor:connected()
  editor:input('ab')
  editor:ghost()
end, { own = 'missing', server = '/nowhere/foretoken' })

scenario('a killed server is told once and typing goes on', function(editor)
  editor:open('killed.py', CALLS)
  editor:input('a')
  editor:ghost()
  editor:lua('_G.told = {}')
  vim.uv.kill(assert(editor:server(), 'no server process'), 'sigkill')
  editor:wait('the message', function()
    return #editor:lua('return _G.told') > 0
  end)
  editor:input('b<C-F>c')
  editor:holds('abc', 'the buffer after typing on')
  editor:equal(editor:drawn(), vim.NIL, 'the ghost text')
  local told = editor:lua('return _G.told')
  editor:equal(#told, 1, 'the number of messages ' .. vim.inspect(told))
  assert(told[1]:find('foretoken', 1, true), told[1])
end, { own = 'killed' })

scenario('the server ends with code 0', function(editor)
  editor:open('stopped.py', CALLS)
  editor:input('a')
  editor:ghost()
  editor:lua('vim.lsp.enable("foretoken", false)')
  local ended = editor:wait('the end of the server', function()
    local ended = editor:lua('return _G.ended')
    return ended ~= vim.NIL and ended
  end)
  editor:equal(ended.code, 0, 'the exit code')
  editor:equal(ended.signal, 0, 'the signal')
end, { own = 'stopped' })

scenario('no process is left when Neovim ends', function(editor)
  editor:open('ended.py', CALLS)
  editor:input('a')
  editor:ghost()
  local pid = assert(editor:server(), 'no server process')
  vim.rpcnotify(editor.channel, 'nvim_command', 'qall!')
  editor:equal(vim.fn.jobwait({ editor.channel }, 10000)[1], 0, "Neovim's exit code")
  local gone = vim.wait(3000, function()
    return not vim.uv.kill(pid, 0)
  end, 20)
  assert(gone, 'the server still runs')
end, { own = 'ended' })

return scenarios
