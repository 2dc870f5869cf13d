-- The answer of the server's command `foretoken.status`, in a few lines for a person.

local M = {}

--- `text` with its `%s` filled in, or nil where a value is missing, as one may be in an older or a
--- newer server.
---@param text string
---@return string?
local function fill(text, ...)
  for i = 1, select('#', ...) do
    local value = select(i, ...)
    if value == nil or value == vim.NIL then
      return nil
    end
  end
  return text:format(...)
end

--- A number of milliseconds as a person reads it.
---@param ms number?
---@return string?
local function milliseconds(ms)
  return type(ms) == 'number' and (ms < 10 and '%.1f ms' or '%.0f ms'):format(ms) or nil
end

---@param model table
---@return string?
local function of_model(model)
  if model.state == 'ready' then
    return fill('model: %s %s is ready, ONNX Runtime %s', model.name, model.version, model.library)
  elseif model.state == 'loading' then
    return fill('model: loading, %s, %s %%', model.stage, model.percent)
  end
  return fill('model: %s Suggestions come from the words of the open files.', model.message)
end

--- Describes the status.
---@param status table
---@return string
function M.describe(status)
  local function at(...)
    return vim.tbl_get(status, ...)
  end
  local lines = { fill('Foretoken %s', at('version')) or 'Foretoken' }
  local function add(line)
    lines[#lines + 1] = line
  end
  add(at('enabled') == false and 'suggestions are switched off by a setting' or nil)
  add(of_model(at('model') or {}))
  add(fill('last request: %s', at('last', 'sentence')))
  add(fill(
    'offered %s, accepted %s (%s characters), put away %s',
    at('offers', 'offered'),
    at('offers', 'accepted'),
    at('offers', 'acceptedCharacters'),
    at('offers', 'dismissed')
  ))
  add(fill('median answer: %s from the model', milliseconds(at('latencyMs', 'model', 'p50'))))
  add(fill('median answer: %s from what it had ready', milliseconds(at('latencyMs', 'hit', 'p50'))))
  add(fill('%s', at('governor', 'sentence')))
  return table.concat(lines, '\n')
end

return M
