-- A real Neovim, driven over RPC: it is typed into, and its buffer and ghost text are read back.
-- Nothing here waits for a length of time; everything waits for a state, up to a limit.

---@class Editor
---@field channel integer
---@field folder string where its files lie
---@field program string the server under test
---@field paths table what it was started with
---@field private before string text of the buffer before the cursor when it was opened
---@field private after string text of the buffer after it
---@field private answers integer answers that had come when the last key was typed
local Editor = {}
Editor.__index = Editor

local LIMIT_MS = 30000
local STEP_MS = 15

---@class Setting how the Neovim of a scenario differs from the usual one
---@field encoding? 'utf-16' the only position encoding it offers
---@field menu? boolean it knows no ghost text, like 0.11
---@field words? boolean there is no model, so the words of the file answer
---@field server? string a program in place of the server under test
---@field provider? Provider|{port: integer, model: string, key: string} who answers questions about code
---@field own? string a Neovim for this scenario alone, since it does not survive it

--- Starts a Neovim with a screen of 80 by 20.
---@param paths {nvim: string, server: string, plugin: string, here: string, scratch: string}
---@param setting Setting
---@return Editor
function Editor.start(paths, setting)
  local folder = vim.fn.tempname()
  vim.fn.mkdir(folder .. '/.git', 'p')
  local init = vim.fs.joinpath(paths.here, 'init.lua')
  local channel = vim.fn.jobstart({ paths.nvim, '--embed', '--headless', '--clean', '-u', init, '-i', 'NONE' }, {
    rpc = true,
    cwd = folder,
    env = {
      FORETOKEN_TEST_PLUGIN = paths.plugin,
      FORETOKEN_TEST_SERVER = setting.server or paths.server,
      FORETOKEN_MODEL_FOLDER = setting.words and '/nowhere' or nil,
      FORETOKEN_TEST_ENCODING = setting.encoding,
      FORETOKEN_TEST_MENU = setting.menu and '1' or nil,
      FORETOKEN_REMOTE_ENDPOINTS = setting.provider and vim.json.encode({
        {
          name = 'house',
          baseUrl = ('http://127.0.0.1:%d/v1'):format(setting.provider.port),
          models = { { name = setting.provider.model or 'coder' } },
          key = setting.provider.key and 'env:FORETOKEN_TEST_KEY' or nil,
        },
      }) or nil,
      FORETOKEN_TEST_KEY = setting.provider and setting.provider.key or nil,
    },
  })
  assert(channel > 0, 'the Neovim under test does not start: ' .. paths.nvim)
  local self = setmetatable({ channel = channel, folder = folder, program = paths.server, paths = paths }, Editor)
  self:call('nvim_ui_attach', 80, 20, {})
  return self
end

--- Calls the API of the Neovim under test.
---@param name string
function Editor:call(name, ...)
  return vim.rpcrequest(self.channel, name, ...)
end

--- Runs Lua in the Neovim under test and returns its result.
---@param code string
function Editor:lua(code, ...)
  return self:call('nvim_exec_lua', code, { ... })
end

--- Waits until `condition` returns a value, and returns it.
---@generic T
---@param what string for the failure
---@param condition fun(): T?
---@return T
function Editor:wait(what, condition)
  local value
  local done = vim.wait(LIMIT_MS, function()
    value = condition()
    return value ~= nil and value ~= false
  end, STEP_MS)
  if not done then
    error(('waited in vain for %s; told %s; the screen:\n%s'):format(
      what,
      vim.inspect(self:lua('return _G.told')),
      self:screen()
    ), 0)
  end
  return value
end

--- Opens a new file with `text` and stands in insert mode at its `$0`, the server connected.
---@param name string
---@param text string
function Editor:open(name, text)
  self:edit(name, text)
  self:connected()
end

--- Waits until the server serves the current buffer.
function Editor:connected()
  self:wait('the server', function()
    return self:lua('local c = vim.lsp.get_clients({ bufnr = 0, name = "foretoken" })[1]; return c ~= nil and c.initialized')
  end)
end

--- Opens a new file with `text` and stands in insert mode at its `$0`.
---@param name string
---@param text string
function Editor:edit(name, text)
  local at = assert(text:find('$0', 1, true), 'the fixture has no $0')
  self.before, self.after = text:sub(1, at - 1), text:sub(at + 2)
  local path = vim.fs.joinpath(self.folder, name)
  local file = assert(io.open(path, 'wb'))
  file:write(self.before .. self.after)
  file:close()
  self:call('nvim_cmd', { cmd = 'edit', args = { path }, magic = { file = false } }, {})
  local lines = vim.split(self.before:gsub('\r\n', '\n'), '\n')
  local row, col = #lines, #lines[#lines]
  local at_end = col == #self:call('nvim_get_current_line') or self:lua('return #vim.fn.getline(...)', row) == col
  self:call('nvim_win_set_cursor', 0, { row, col })
  self:input(at_end and 'A' or 'i')
end

--- Types keys in Neovim's notation.
---@param keys string
function Editor:input(keys)
  self.answers = self:lua('return _G.answers')
  self:call('nvim_input', keys)
end

--- Waits until the keys typed so far have been read and insert mode has the state `inserting`.
---@param inserting boolean
function Editor:settle(inserting)
  self:wait(inserting and 'insert mode' or 'normal mode', function()
    local mode = self:call('nvim_get_mode')
    return not mode.blocking and vim.startswith(mode.mode, 'i') == inserting
  end)
end

--- Ghost text in the current buffer, whatever it belongs to.
---@return {row: integer, col: integer, text: string, id: integer}?
function Editor:drawn()
  return self:lua([[
    local space = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
    local marks = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })
    local mark = marks[1]
    if not mark then
      return nil
    end
    assert(#marks == 1, 'two ghost texts at once')
    local function joined(chunks)
      return table.concat(vim.tbl_map(function(chunk) return chunk[1] end, chunks))
    end
    local lines = { joined(mark[4].virt_text or {}) }
    for _, line in ipairs(mark[4].virt_lines or {}) do
      lines[#lines + 1] = joined(line)
    end
    return { row = mark[2], col = mark[3], text = table.concat(lines, '\n') }
  ]]) --[[@as any]]
end

--- Waits for the ghost text that answers the keys typed last; it must stand at the cursor.
---@return string
function Editor:ghost()
  local ghost = self:wait('ghost text', function()
    local found = self:drawn()
    if type(found) == 'table' and found.text ~= '' and self:lua('return _G.answers') > self.answers then
      return found
    end
  end)
  local cursor = self:call('nvim_win_get_cursor', 0)
  local place = ('%d:%d'):format(ghost.row + 1, ghost.col)
  self:equal(place, ('%d:%d'):format(cursor[1], cursor[2]), 'the place of the ghost text')
  -- Neovim draws a carriage return as two characters.
  assert(not ghost.text:find('[\r]') and not ghost.text:find('^M', 1, true), 'ghost text with a carriage return: ' .. vim.inspect(ghost.text))
  return ghost.text
end

--- The buffer as one text with `\n` between lines.
---@return string
function Editor:text()
  local lines = self:call('nvim_buf_get_lines', 0, 0, -1, true)
  return table.concat(lines, '\n') .. '\n'
end

--- Fails unless both are equal.
---@param is any
---@param should any
---@param what string
function Editor:equal(is, should, what)
  if is ~= should then
    error(('%s:\n  is     %s\n  should %s'):format(what, vim.inspect(is), vim.inspect(should)), 0)
  end
end

--- Waits until the buffer holds the opened text with `typed` at its `$0`, and fails unless it stays so.
---@param typed string
---@param what string
function Editor:holds(typed, what)
  local should = (self.before .. typed .. self.after):gsub('\r\n', '\n')
  vim.wait(2000, function()
    return self:text() == should
  end, STEP_MS)
  self:equal(self:text(), should, what)
end

--- The screen as text, without the empty end.
---@return string
function Editor:screen()
  return self:lua([[
    vim.cmd.redraw()
    local rows = {}
    for row = 1, vim.o.lines do
      local cells = {}
      for column = 1, vim.o.columns do
        cells[#cells + 1] = vim.fn.screenstring(row, column)
      end
      rows[#rows + 1] = table.concat(cells):gsub('%s+$', '')
    end
    return table.concat(rows, '\n')
  ]]) --[[@as string]]
end

--- What the server says of itself, after it has read all that was sent before.
---@return table
function Editor:status()
  return self:lua([[
    local client = vim.lsp.get_clients({ bufnr = 0, name = 'foretoken' })[1]
    local ask = { command = 'foretoken.status', arguments = { { documents = true } } }
    -- By its number: with 0 Neovim does not send the changes that it holds back.
    local bufnr = vim.api.nvim_get_current_buf()
    local answer = client:request_sync('workspace/executeCommand', ask, 10000, bufnr)
    return assert(answer, 'no answer').result
  ]]) --[[@as table]]
end

--- Fails unless the server holds the text of the current buffer, to the byte.
function Editor:in_step()
  local uri = self:lua('return vim.uri_from_bufnr(0)')
  local documents = vim.tbl_filter(function(document)
    return document.uri == uri
  end, self:status().documents)
  self:equal(#documents, 1, 'the number of documents at ' .. uri)
  local ends = self:lua('return vim.bo.fileformat') == 'dos' and '\r\n' or '\n'
  self:equal(documents[1].sha256, vim.fn.sha256((self:text():gsub('\n', ends))), "the hash of the server's text")
end

--- Leaves insert mode, compares the texts of editor and server, and forgets the buffer.
function Editor:reset()
  self:input('<Esc><Esc>')
  self:settle(false)
  self:in_step()
  self:call('nvim_cmd', { cmd = 'bwipeout', bang = true }, {})
end

--- The process of the server.
---@return integer? pid
function Editor:server()
  for _, pid in ipairs(self:lua('return vim.api.nvim_get_proc_children(vim.fn.getpid())')) do
    return pid
  end
end

--- Ends the Neovim under test, if it still runs.
function Editor:stop()
  vim.fn.jobstop(self.channel)
end

return Editor
