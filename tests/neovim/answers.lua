-- What a user of Neovim does with answers to questions about code. The part of the remote model is played
-- by `provider`; consent, window, sources, follow-up and edits are the real ones.

---@type Scenario[]
local scenarios = {}

-- A function that fails, and what the model makes of it.
local FAILING = [[
def total(rows):
    result = 0
    for row in rows:
        result += row["price"]$0
    return result
]]
local CAUSE = 'A row may have no price, so the look-up raises [S2].\n\nRead it with a default [S2].\n'
local REST = 'A default keeps the sum whole.\n'
local MENDED = '```python\n' .. FAILING:gsub('%$0', ''):gsub('row%["price"%]', 'row.get("price", 0)') .. '```\n'

--- A Neovim whose user says yes to everything that is asked, with the failing function open.
---@param editor Editor
---@param provider table whoever answers on loopback
---@return Editor own
local function asked_of(editor, provider)
  local own = editor.start(editor.paths, { words = true, provider = provider })
  own:open('prices.py', FAILING)
  own:input('<Esc>')
  own:settle(false)
  own:lua([[
    _G.asked = {}
    vim.ui.select = function(items, options, on_choice)
      table.insert(_G.asked, options.prompt)
      on_choice(items[1], 1)
    end
    local space = vim.api.nvim_create_namespace('checker')
    vim.diagnostic.set(space, 0, { { lnum = 3, col = 18, message = "KeyError: 'price'", severity = 1 } })
  ]])
  own:equal(#(provider.requests or {}), 0, 'requests before anything was asked')
  return own
end

---@param editor Editor
---@param texts string[] what the provider answers
---@return Editor own
---@return Provider provider
local function asking(editor, texts)
  local provider = require('provider').start(texts)
  return asked_of(editor, provider), provider
end

--- Waits for an answer with these words in the answer's window, and returns its text.
---@param own Editor
---@param words string
---@return string
local function answered(own, words)
  return own:wait('an answer with ' .. words, function()
    return own:lua([[
      for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
        local buffer = vim.api.nvim_win_get_buf(window)
        local text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), '\n')
        if vim.w[window].foretoken_answer and text:find('## Ask', 1, true) and text:find(..., 1, true) then
          return text
        end
      end
      return false
    ]], words)
  end)
end

---@param own Editor
---@return string relative what the answer's window floats over; empty for a split
local function placed(own)
  return own:lua([[
    for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
      if vim.w[window].foretoken_answer then
        return vim.api.nvim_win_get_config(window).relative
      end
    end
    return 'nowhere'
  ]])
end

--- Debug at the cursor, an answer with its source, fix, a yes, and one undo.
---@param editor Editor
---@param provider table
local function debug_and_fix(editor, provider)
  local own = asked_of(editor, provider)
  own:input(':Foretoken debug<CR>')
  local answer = answered(own, 'A row may have no price')
  assert(answer:find('[prices.py:4](file:', 1, true), answer)
  assert(own:lua('return _G.asked[1]'):find('would be sent to house', 1, true), 'no consent was asked')
  if provider.requests then
    assert(provider.requests[1]:find("KeyError: 'price'", 1, true), provider.requests[1])
  end

  own:input(':Foretoken fix<CR>')
  own:wait('the edit', function()
    return own:text():find('row.get("price", 0)', 1, true)
  end)
  own:equal(own:text(), (FAILING:gsub('%$0', ''):gsub('row%["price"%]', 'row.get("price", 0)')), 'the mended text')
  own:input('u')
  own:wait('the undone edit', function()
    return own:text() == (FAILING:gsub('%$0', ''))
  end)
  own:stop()
end

table.insert(scenarios, {
  name = 'debug streams an answer with its sources, and a fix is confirmed and undone in one step',
  setting = { own = 'answers' },
  run = function(editor)
    debug_and_fix(editor, require('provider').start({ CAUSE, MENDED }))
  end,
})

-- Where the tests have the real gateway running, it answers the same questions.
local gateway = vim.env.FORETOKEN_TEST_GATEWAY
if gateway then
  table.insert(scenarios, {
    name = 'the same through a real gateway',
    setting = { own = 'gateway' },
    run = function(editor)
      debug_and_fix(editor, { port = tonumber(gateway), model = 'mends', key = 'first-key' })
    end,
  })
end

table.insert(scenarios, {
  name = 'an answer floats over the code, leads to its source, comes back, and is asked further',
  setting = { own = 'float' },
  run = function(editor)
    local own, provider = asking(editor, { CAUSE, REST })
    own:input(':Foretoken explain<CR>')
    answered(own, 'A row may have no price')
    own:equal(placed(own), 'editor', 'what the window is placed by')
    own:equal(own:lua('return vim.fn.expand("%:t")'), 'prices.py', 'the file with the cursor')

    -- The place of a source, and back.
    own:input('gg:Foretoken answer<CR>')
    own:input('gg/prices.py:<CR><CR>')
    own:wait('the source', function()
      return own:lua('return vim.fn.expand("%:t") == "prices.py" and vim.fn.line(".") == 4')
    end)
    own:input(':Foretoken answer<CR>q')
    own:wait('no window with an answer', function()
      return placed(own) == 'nowhere'
    end)
    own:input(':Foretoken answer<CR>')
    own:wait('the answer again', function()
      return placed(own) == 'editor'
    end)

    own:input('GoWhy a default?<Esc>')
    own:lua('vim.lsp.buf.code_action()')
    local further = answered(own, 'keeps the sum whole')
    assert(further:find('# Why a default?', 1, true), further)
    own:equal(#provider.requests, 2, 'requests')
    assert(provider.requests[2]:find('Why a default?', 1, true), provider.requests[2])
    own:stop()
  end,
})

table.insert(scenarios, {
  name = 'an answer stands beside the code where that is wanted',
  setting = { own = 'split' },
  run = function(editor)
    local own = asking(editor, { CAUSE })
    own:lua('require("foretoken").setup({ answers = "split" })')
    own:input(':Foretoken explain<CR>')
    answered(own, 'A row may have no price')
    own:equal(placed(own), '', 'what the window is placed by')
    own:stop()
  end,
})

return scenarios
