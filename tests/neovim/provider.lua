-- A remote model's part, played inside the driver: it listens on loopback and answers each request with the
-- next of its texts, streamed as OpenAI's servers do. What it was sent is kept.

---@class Provider
---@field port integer
---@field requests string[] the bodies that came
local Provider = {}
Provider.__index = Provider

local HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'
local END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
  .. 'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}\n\ndata: [DONE]\n\n'

---@param text string
---@return string
local function stream(text)
  local events = { HEAD }
  -- In small pieces, as a model writes.
  for at = 1, #text, 12 do
    local piece = { index = 0, delta = { content = text:sub(at, at + 11) } }
    events[#events + 1] = 'data: ' .. vim.json.encode({ model = 'scripted', choices = { piece } }) .. '\n\n'
  end
  events[#events + 1] = END
  return table.concat(events)
end

--- Begins to listen.
---@param texts string[] answers in their order; the last one serves from then on
---@return Provider
function Provider.start(texts)
  local self = setmetatable({ requests = {} }, Provider)
  local server = assert(vim.uv.new_tcp())
  server:bind('127.0.0.1', 0)
  self.port = server:getsockname().port
  server:listen(8, function()
    local client = assert(vim.uv.new_tcp())
    server:accept(client)
    local read = ''
    client:read_start(function(_, chunk)
      if not chunk then
        return client:close()
      end
      read = read .. chunk
      local head, body = read:match('^(.-)\r\n\r\n(.*)$')
      local length = head and tonumber(head:lower():match('content%-length: (%d+)')) or math.huge
      if body and #body >= length then
        read = ''
        table.insert(self.requests, body)
        local text = texts[math.min(#self.requests, #texts)]
        client:write(stream(text), function()
          client:shutdown(function()
            client:close()
          end)
        end)
      end
    end)
  end)
  return self
end

return Provider
