-- Ghost text, from Neovim 0.12 on: switches `vim.lsp.inline_completion` on for our buffers only and
-- maps the keys. An *offer* is what was drawn when the server answered: place and text. Neovim goes
-- on drawing it while the user types, whatever they type, so each use compares it with the buffer.

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('nvim.lsp.inline_completion')

---@class foretoken.Offer
---@field row integer 0-based line where it begins
---@field col integer byte in that line
---@field text string

---@type table<integer, foretoken.Offer> by buffer
local offers = {}

--- The ghost text that stands in the buffer now.
---@param bufnr integer
---@return foretoken.Offer?
local function drawn(bufnr)
  local mark = api.nvim_buf_get_extmarks(bufnr, namespace, 0, -1, { details = true, limit = 1 })[1]
  if not mark then
    return nil
  end
  local function joined(chunks)
    return vim.iter(chunks or {}):map(function(chunk)
      return chunk[1]
    end):join('')
  end
  local lines = { joined(mark[4].virt_text) }
  for _, line in ipairs(mark[4].virt_lines or {}) do
    lines[#lines + 1] = joined(line)
  end
  local text = table.concat(lines, '\n')
  return text ~= '' and { row = mark[2], col = mark[3], text = text } or nil
end

--- The text that was typed since a place, or nil where the cursor stands before it.
---@param bufnr integer
---@param row integer 0-based
---@param col integer bytes
---@return string?
local function typed_since(bufnr, row, col)
  local cursor = api.nvim_win_get_cursor(0)
  local cursor_row, cursor_col = cursor[1] - 1, cursor[2]
  if cursor_row < row or (cursor_row == row and cursor_col < col) then
    return nil
  end
  local ok, lines = pcall(api.nvim_buf_get_text, bufnr, row, col, cursor_row, cursor_col, {})
  return ok and table.concat(lines, '\n') or nil
end

--- Removes ghost text that the typing has contradicted. Without this Neovim shows it, cut by the
--- number of typed characters, until the server's next answer.
---@param bufnr integer
local function hide_contradicted(bufnr)
  local offer = offers[bufnr]
  if not offer then
    return
  end
  local typed = typed_since(bufnr, offer.row, offer.col)
  if not (typed and vim.startswith(offer.text, typed)) then
    api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Asks for ghost text now. Neovim asks 200 ms after a key, which is ten times what the server needs;
--- its own request still follows a pause and brings what has become longer meanwhile. There is no
--- public way to ask, so where this one fails Neovim's wait stays.
---@param client_id integer
---@param bufnr integer
local function ask_now(client_id, bufnr)
  pcall(function()
    local completor = vim.lsp._capability.all.inline_completion.active[bufnr]
    -- Another server in the buffer would be asked too, and rely on the wait.
    if completor.client_state[client_id] and vim.tbl_count(completor.client_state) == 1 then
      completor:request(vim.lsp.protocol.InlineCompletionTriggerKind.Automatic)
    end
  end)
end

--- What of an item is not in the buffer yet, and what of it was typed since it was made. Nil where
--- the typing contradicts it.
---
--- Neovim up to 0.12.4 inserts the whole item at its old place and leaves the typed characters
--- behind it (neovim/neovim #36529). Remove this when the oldest supported release has #41434.
---@param item vim.lsp.inline_completion.Item
---@return string? rest, string? typed
local function untyped(item)
  local text = item.insert_text
  if type(text) ~= 'string' then
    return nil
  end
  text = text:gsub('\r\n', '\n')
  local range = item.range
  if not range then
    return text, ''
  end
  local row, col = range.start_row or range.start.row, range.start_col or range.start.col
  local typed = typed_since(api.nvim_get_current_buf(), row, col)
  if typed and vim.startswith(text, typed) and #typed < #text then
    return text:sub(#typed + 1), typed
  end
end

--- Blank space and one word, or blank space and one run of other characters, from the start.
---@param text string
---@return string
local function first_word(text)
  local word = vim.fn.matchstr(text, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
  return word ~= '' and word or text
end

--- A key as it is to be typed where there is no suggestion to take: itself, or nothing where insert
--- mode has no use for it and would write a control character into the text.
---@param key string
---@return string
local function own_meaning(key)
  local code = vim.keycode(key)
  if code == '\6' then
    -- <C-F> indents the line, where the file type asks for it.
    local keys = vim.bo.indentexpr ~= '' and vim.bo.indentkeys or vim.bo.cindent and vim.bo.cinkeys or ''
    return keys:find('!^F', 1, true) and key or ''
  end
  return (code == '\2' or code == '\12') and '' or key
end

--- Tells the server of a part that was taken; for a whole suggestion Neovim runs the item's command.
---@param client vim.lsp.Client
---@param item vim.lsp.inline_completion.Item as it was offered
---@param taken string from the item's start
local function report_part(client, item, taken)
  client:notify('textDocument/didPartiallyAcceptCompletion', {
    item = { insertText = item.insert_text, command = item.command },
    acceptedLength = vim.str_utfindex(taken, 'utf-16'),
  })
end

--- Accepts what is shown, through Neovim's own `get`.
---@param take fun(rest: string): string how much of it
---@param key? string typed in place of a suggestion that turns out to be out of date
---@return boolean
local function accept(take, key)
  local bufnr = api.nvim_get_current_buf()
  if not vim.lsp.inline_completion or not drawn(bufnr) then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local client = vim.lsp.get_client_by_id(item.client_id)
      if not client or client.name ~= 'foretoken' then
        return item
      end
      local rest, typed = untyped(item)
      if not rest then
        if key then
          api.nvim_feedkeys(vim.keycode(own_meaning(key)), 'in', false)
        end
        return nil
      end
      local offered, part = vim.deepcopy(item), take(rest)
      if #part < #rest then
        item.command = nil
        vim.schedule(function()
          report_part(client, offered, typed .. part)
        end)
      end
      item.insert_text = part
      local here = vim.lsp.util.make_position_params(0, client.offset_encoding).position
      item.range = vim.range.lsp(bufnr, { start = here, ['end'] = here }, client.offset_encoding)
      -- Closes the undo block (:help undo-break), so that `u` takes back the suggestion alone.
      vim.bo[bufnr].undolevels = vim.bo[bufnr].undolevels
      return item
    end,
  })
end

--- Takes the whole suggestion.
---@param key? string see `accept`
---@return boolean taken false where nothing is shown
function M.accept(key)
  return accept(function(rest)
    return rest
  end, key)
end

--- Takes the first word of the suggestion.
---@param key? string see `accept`
---@return boolean taken false where nothing is shown
function M.accept_word(key)
  return accept(first_word, key)
end

--- Puts the suggestion away and tells the server, which does not offer the same text there again.
---@return boolean done false where nothing is shown
function M.dismiss()
  if not vim.lsp.inline_completion or not drawn(api.nvim_get_current_buf()) then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local client = vim.lsp.get_client_by_id(item.client_id)
      local id = vim.tbl_get(item, 'command', 'arguments', 1)
      if client and client.name == 'foretoken' and id then
        client:notify('$/foretoken/dismissed', { id = id })
      end
      -- Accepting nothing is how Neovim's interface puts an item away.
      return nil
    end,
  })
end

--- Shows the next alternative.
---@return boolean done false where nothing is shown
function M.next()
  if not vim.lsp.inline_completion or not drawn(api.nvim_get_current_buf()) then
    return false
  end
  vim.lsp.inline_completion.select()
  return true
end

--- What a key does so far in insert mode of a buffer, by a mapping.
---@param bufnr integer
---@param key string
---@return table? mapping as `maparg` describes it
local function mapped(bufnr, key)
  local mapping = api.nvim_buf_call(bufnr, function()
    return vim.fn.maparg(key, 'i', false, true)
  end)
  return mapping.lhs and mapping or nil
end

--- Maps a key in one buffer; it keeps its own meaning where `action` returns false.
---@param bufnr integer
---@param key string|false
---@param desc string
---@param action fun(key: string): boolean
local function map(bufnr, key, desc, action)
  -- A key that the user or another plugin has mapped is theirs.
  if not key or mapped(bufnr, key) then
    return
  end
  vim.keymap.set('i', key, function()
    return action(key) and '' or own_meaning(key)
  end, { buffer = bufnr, expr = true, desc = desc })
end

--- Maps <Tab>, which the user asked for. Neovim itself has mapped it, to jump within snippets, and
--- that goes on where there is no suggestion.
---@param bufnr integer
local function map_tab(bufnr)
  local before = mapped(bufnr, '<Tab>')
  if before and before.buffer == 1 then
    return
  end
  vim.keymap.set('i', '<Tab>', function()
    if M.accept('<Tab>') then
      return ''
    end
    local jumps = before and before.expr == 1 and before.callback
    return jumps and jumps() or '<Tab>'
  end, { buffer = bufnr, expr = true, desc = 'Foretoken: take the suggestion' })
end

--- Switches ghost text on in a buffer.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
  local options = require('foretoken').options()
  local keys = options.keys
  if keys then
    map(bufnr, keys.accept, 'Foretoken: take the suggestion', M.accept)
    map(bufnr, keys.accept_word, 'Foretoken: take one word', M.accept_word)
    map(bufnr, keys.dismiss, 'Foretoken: put the suggestion away', M.dismiss)
    map(bufnr, keys.next, 'Foretoken: show the next suggestion', M.next)
  end
  if options.tab then
    map_tab(bufnr)
  end

  local group = api.nvim_create_augroup('foretoken.inline:' .. bufnr, {})
  api.nvim_create_autocmd('LspRequest', {
    group = group,
    buffer = bufnr,
    callback = function(event)
      local request = event.data.request
      if request.type == 'complete' and request.method == 'textDocument/inlineCompletion' then
        -- After the handler, which draws.
        vim.schedule(function()
          -- An answer that was superseded draws nothing; then the older offer is what Neovim shows.
          offers[bufnr] = api.nvim_buf_is_valid(bufnr) and drawn(bufnr) or offers[bufnr]
        end)
      end
    end,
  })
  -- Neovim's own autocommand, which draws again, is made in the next turn of the event loop; this
  -- one must run after it.
  vim.schedule(function()
    vim.schedule(function()
      pcall(api.nvim_create_autocmd, { 'CursorMovedI', 'TextChangedP' }, {
        group = group,
        buffer = bufnr,
        callback = function()
          hide_contradicted(bufnr)
          ask_now(client.id, bufnr)
        end,
      })
    end)
  end)
end

--- Switches ghost text off in a buffer. The keys stay and keep their own meaning.
---@param bufnr integer
function M.detach(bufnr)
  if vim.lsp.inline_completion then
    vim.lsp.inline_completion.enable(false, { bufnr = bufnr })
    offers[bufnr] = nil
    pcall(api.nvim_del_augroup_by_name, 'foretoken.inline:' .. bufnr)
  end
end

return M
