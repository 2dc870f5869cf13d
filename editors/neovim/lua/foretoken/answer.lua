-- Answers of a remote model: a window that fills while the answer comes, then its document, in which a
-- question can follow. What an answer says is the server's business; here it is drawn.

local M = {}

---@class foretoken.AssistNote the parameters of `foretoken/assist`
---@field kind 'started'|'block'|'note'|'done'
---@field id integer
---@field title? string
---@field markdown? string
---@field text? string
---@field document? string the URI of the whole answer
---@field cut? string why it did not come to its end

---@class foretoken.Answer
---@field buffer integer
---@field title string
---@field notes string[]
---@field client integer

---@type table<integer, foretoken.Answer> by client and answer number
local running = {}

local function key(client, id)
  return client * 100000 + id
end

---@type integer? the answer that was shown last
local last

--- The window in which answers are shown, where there is one on this page.
---@return integer?
local function window()
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.w[window].foretoken_answer then
      return window
    end
  end
end

--- Place and size of a floating window: the right side of the screen, and not all of it where it is narrow.
---@return vim.api.keyset.win_config
local function frame()
  local columns, lines = vim.o.columns, vim.o.lines - vim.o.cmdheight
  return {
    relative = 'editor',
    anchor = 'NE',
    row = 0,
    col = columns,
    width = math.max(math.min(math.floor(columns * 0.45), 90), math.min(columns - 4, 36)),
    -- The border takes two lines, and the status line stays.
    height = math.max(lines - 3, 3),
  }
end

--- A new window for a buffer: over the code, or beside it. The cursor stays where it is.
---@param buffer integer
---@return integer
local function open(buffer)
  if require('foretoken').options().answers == 'split' then
    return vim.api.nvim_open_win(buffer, false, { split = 'right', win = 0 })
  end
  local looks = { border = 'rounded', title = ' Foretoken ', title_pos = 'left', style = 'minimal' }
  return vim.api.nvim_open_win(buffer, false, vim.tbl_extend('error', frame(), looks))
end

--- Shows a buffer in the window of an earlier answer, or in a new one.
---@param buffer integer
local function show(buffer)
  last = buffer
  local there = window()
  if there then
    return vim.api.nvim_win_set_buf(there, buffer)
  end
  local opened = open(buffer)
  vim.w[opened].foretoken_answer = true
  vim.wo[opened].wrap = true
  vim.wo[opened].linebreak = true
  vim.wo[opened].conceallevel = 2
end

vim.api.nvim_create_autocmd('VimResized', {
  group = vim.api.nvim_create_augroup('foretoken.answer', {}),
  callback = function()
    local there = window()
    if there and vim.api.nvim_win_get_config(there).relative ~= '' then
      vim.api.nvim_win_set_config(there, frame())
    end
  end,
})

--- Goes to the answer's window, where the last answer is shown again if it was closed. False where there is none.
---@return boolean
function M.focus()
  if not window() and last and vim.api.nvim_buf_is_valid(last) then
    show(last)
  end
  local there = window()
  if there then
    vim.api.nvim_set_current_win(there)
  end
  return there ~= nil
end

--- The source under the cursor: the link there, else a place that is written as `path:line`.
---@return string? path
---@return integer? line
local function source()
  local line = vim.api.nvim_get_current_line()
  local column = vim.api.nvim_win_get_cursor(0)[2] + 1
  local function at_cursor(pattern)
    local from = 1
    while true do
      local first, final, place, number = line:find(pattern, from)
      if not first or column <= final then
        return place, tonumber(number)
      end
      from = final + 1
    end
  end
  local uri, number = at_cursor('%]%((file:[^)#]+)#?L?(%d*)[^)]*%)')
  if uri then
    return vim.uri_to_fname(uri), number
  end
  return at_cursor('([%w%._%-/\\@+]+):(%d+)')
end

--- Goes to the source under the cursor, in a window that shows no answer.
local function follow()
  local path, line = source()
  if not path then
    return vim.cmd.normal({ 'gF', bang = true })
  end
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if not vim.w[window].foretoken_answer then
      vim.api.nvim_set_current_win(window)
      break
    end
  end
  vim.cmd.edit(vim.fn.fnameescape(path))
  vim.api.nvim_win_set_cursor(0, { math.min(line or 1, vim.api.nvim_buf_line_count(0)), 0 })
end

---@param buffer integer
local function keys(buffer)
  vim.keymap.set('n', '<CR>', follow, { buffer = buffer, desc = 'Foretoken: go to the source' })
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, desc = 'Foretoken: close the answer' })
end

---@param answer foretoken.Answer
---@param lines string[]
local function append(answer, lines)
  if vim.api.nvim_buf_is_valid(answer.buffer) then
    vim.bo[answer.buffer].modifiable = true
    vim.api.nvim_buf_set_lines(answer.buffer, -1, -1, true, lines)
    vim.bo[answer.buffer].modifiable = false
  end
end

---@param client integer
---@param note foretoken.AssistNote
local function started(client, note)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].filetype = 'markdown'
  vim.bo[buffer].bufhidden = 'wipe'
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, { '# ' .. (note.title or 'Foretoken'), '' })
  vim.bo[buffer].modifiable = false
  keys(buffer)
  show(buffer)
  running[key(client, note.id)] = { buffer = buffer, title = note.title or '', notes = {}, client = client }
end

--- The whole answer in the place of what was drawn of it. The server learns of the document, so that a
--- question below it can be sent.
---@param answer foretoken.Answer
---@param note foretoken.AssistNote
local function done(answer, note)
  if note.document then
    local buffer = vim.uri_to_bufnr(note.document)
    vim.fn.bufload(buffer)
    vim.bo[buffer].filetype = 'markdown'
    vim.bo[buffer].buflisted = false
    keys(buffer)
    show(buffer)
    vim.lsp.buf_attach_client(buffer, answer.client)
  elseif note.cut then
    append(answer, { '', note.cut })
  end
end

--- Handler of `foretoken/assist`. Notes of kinds that are not known here are left alone.
---@param note foretoken.AssistNote
---@param context lsp.HandlerContext
function M.on_note(note, context)
  local client = context.client_id
  local answer = running[key(client, note.id)]
  if note.kind == 'started' then
    started(client, note)
  elseif not answer then
    return
  elseif note.kind == 'block' and note.markdown then
    append(answer, vim.split(note.markdown, '\n', { plain = true }))
  elseif note.kind == 'note' and note.text then
    table.insert(answer.notes, note.text)
    vim.api.nvim_echo({ { 'Foretoken: ' .. note.text } }, false, {})
  elseif note.kind == 'done' then
    done(answer, note)
    running[key(client, note.id)] = nil
  end
  vim.api.nvim_exec_autocmds('User', { pattern = 'ForetokenAnswer', data = note, modeline = false })
end

--- What a command is about: the selection or the cursor, and what checkers say on its lines.
---@param client vim.lsp.Client
---@param range? {[1]: integer, [2]: integer} first and last line, from 1
---@param question? string
---@return table
function M.about(client, range, question)
  local buffer = vim.api.nvim_get_current_buf()
  local params
  if range then
    local last = vim.api.nvim_buf_get_lines(buffer, range[2] - 1, range[2], true)[1]
    params = vim.lsp.util.make_given_range_params(
      { range[1], 0 },
      { range[2], math.max(#last - 1, 0) },
      buffer,
      client.offset_encoding
    )
  else
    params = vim.lsp.util.make_range_params(0, client.offset_encoding)
  end
  local diagnostics = {}
  for line = params.range.start.line, params.range['end'].line do
    for _, diagnostic in ipairs(vim.diagnostic.get(buffer, { lnum = line })) do
      diagnostics[#diagnostics + 1] = {
        range = {
          start = { line = diagnostic.lnum, character = diagnostic.col },
          ['end'] = { line = diagnostic.end_lnum or diagnostic.lnum, character = diagnostic.end_col or diagnostic.col },
        },
        message = diagnostic.message,
        source = diagnostic.source,
        code = diagnostic.code,
      }
    end
  end
  return {
    uri = params.textDocument.uri,
    version = vim.lsp.util.buf_versions[buffer],
    range = params.range,
    diagnostics = diagnostics,
    question = question,
  }
end

return M
