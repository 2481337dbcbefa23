-- Asks Aldgate about a request: http-request lua.aldgate http://127.0.0.1:8081
--
-- May it pass, the request gets who it is for, and loses Aldgate's own cookie; the variable txn.aldgate_allowed says so.
-- May it not, the client gets Aldgate's answer and the request ends here. Does Aldgate not answer, the variable stays
-- false, and the rule after this one refuses.

-- What Aldgate looks at of the client's request.
local ASKED = {
    "cookie", "authorization", "dpop", "origin", "accept", "accept-language", "sec-fetch-mode", "sec-fetch-site", "sec-websocket-key",
    "access-control-request-method",
}

-- What the service gets, set or taken away. For a service with aliases, add their names.
local TOLD = {
    "aldgate-identity", "aldgate-subject", "aldgate-session", "aldgate-identity-level", "aldgate-components",
    "aldgate-auth-time", "aldgate-request-id", "aldgate-client-certificate",
    "cookie", "authorization", "dpop",
}

-- What the client gets of a refusal.
local RELAYED = {
    "location", "www-authenticate", "dpop-nonce", "set-cookie", "content-type", "cache-control", "link", "retry-after",
    "content-security-policy", "referrer-policy", "x-content-type-options", "aldgate-request-id",
}

local TIMEOUT_MS = 2000 -- Longer than Aldgate itself waits for anything.

local function values(headers, name)
    local found = {}
    local list = headers and headers[name]
    if list then
        local at = 0
        while list[at] do
            table.insert(found, list[at])
            at = at + 1
        end
    end
    return found
end

local function ask(txn, gate)
    txn:set_var("txn.aldgate_allowed", false)
    local sent = txn.http:req_get_headers()
    local question = {
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
        ["x-forwarded-host"] = values(sent, "host"),
        ["x-forwarded-uri"] = { txn.f:pathq() },
        ["x-forwarded-for"] = { txn.f:src() },
    }
    for _, name in ipairs(ASKED) do
        local said = values(sent, name)
        if #said > 0 then
            question[name] = said
        end
    end

    local answer = core.httpclient():get({ url = gate .. "/authz/haproxy", headers = question, timeout = TIMEOUT_MS })
    if not answer or not answer.status or answer.status < 200 or not answer.headers["aldgate-request-id"] then
        return -- Not Aldgate's answer, or none.
    end

    if answer.status == 200 then
        for _, name in ipairs(TOLD) do
            txn.http:req_del_header(name)
            local told = values(answer.headers, name)
            if #told == 1 then
                txn.http:req_set_header(name, told[1])
            end
        end
        txn:set_var("txn.aldgate_allowed", true)
        return
    end

    local reply = txn:reply({ status = answer.status, body = answer.body })
    for _, name in ipairs(RELAYED) do
        for _, value in ipairs(values(answer.headers, name)) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("aldgate", { "http-req" }, ask, 1)
