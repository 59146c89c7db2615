package streamable_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

func statelessRequest(id any, method, members string) string {
	if members != "" {
		members += ","
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":%q,"params":{%s%s}}`, id, method, members, metaOf)
}

func TestRule8StatelessHeaders(t *testing.T) {
	tests := []struct {
		name, call    string
		method, mname string // the headers
	}{
		{"a tool", statelessRequest(1, "tools/call", `"name":"find_email"`), "tools/call", "find_email"},
		{"a prompt", statelessRequest(1, "prompts/get", `"name":"p"`), "prompts/get", "p"},
		{"a resource", statelessRequest(1, "resources/read", `"uri":"leadmagic://docs?a=b c"`), "resources/read", "leadmagic://docs?a=b c"},
		{"a task", statelessRequest(1, "tasks/get", `"taskId":"t-1"`), "tasks/get", "t-1"},
		{"a list has no name", statelessRequest(1, "tools/list", ``), "tools/list", ""},
		{"another method has no name", statelessRequest(1, "of/tomorrow", `"name":"x","uri":"y"`), "of/tomorrow", ""},
		{"a name that is not ASCII", statelessRequest(1, "tools/call", `"name":"世界"`), "tools/call", "=?base64?5LiW55WM?="},
		{"a name that is escaped", statelessRequest(1, "tools/call", `"name":"\u4e16\u754c"`), "tools/call", "=?base64?5LiW55WM?="},
		{"a name with blanks around it", statelessRequest(1, "tools/call", `"name":" padded "`), "tools/call", "=?base64?IHBhZGRlZCA=?="},
		{"a name with a line break", statelessRequest(1, "tools/call", `"name":"line1\nline2"`), "tools/call", "=?base64?bGluZTEKbGluZTI=?="},
		{"a name that would be another header", statelessRequest(1, "tools/call", `"name":"x\r\nX-Evil: 1"`), "tools/call", "=?base64?eA0KWC1FdmlsOiAx?="},
		{"a name with a NUL", statelessRequest(1, "tools/call", `"name":"a\u0000b"`), "tools/call", "=?base64?YQBi?="},
		{"a name with a tab inside", statelessRequest(1, "tools/call", `"name":"a\tb"`), "tools/call", "a\tb"},
		{"a name with DEL", statelessRequest(1, "tools/call", `"name":"a\u007fb"`), "tools/call", "=?base64?YX9i?="},
		{"a name that looks encoded", statelessRequest(1, "tools/call", `"name":"=?base64?literal?="`), "tools/call", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
		{"a name that only begins so", statelessRequest(1, "tools/call", `"name":"=?base64?literal"`), "tools/call", "=?base64?literal"},
		{"a name that is no string", statelessRequest(1, "tools/call", `"name":7`), "tools/call", ""},
		{"a method that is not ASCII", statelessRequest(1, "tööls", ``), "=?base64?dMO2w7Zscw==?=", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := openEditor(t, o.remote())
				d.Write(tt.call)
				d.Want(`"id":1`)
				m, _ := jsonrpc.Parse([]byte(tt.call))
				r := o.last(m.Method)
				for header, want := range map[string]string{
					"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": tt.method, "Mcp-Name": tt.mname, "Mcp-Session-Id": "",
				} {
					if got := r.header.Get(header); got != want {
						t.Errorf("%s is %q, want %q", header, got, want)
					}
				}
				if r.raw != tt.call {
					t.Errorf("LeadMagic got %s, want %s", r.raw, tt.call)
				}
				d.End()
			})
		})
	}
}

// The mode is a property of each message: both are served side by side, with the same ids.
func TestRule8BothModesInOneProcess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		d.Write(toolCall(1))
		d.Want(`"id":1`)
		if h := o.last("tools/call").header; h.Get("Mcp-Session-Id") != "s1" || h.Get("Mcp-Method")+h.Get("Mcp-Name") != "" || h.Get("Mcp-Protocol-Version") != "2025-06-18" {
			t.Errorf("a session call has the headers %v", h)
		}
		d.Write(statelessRequest(1, "tools/call", `"name":"find"`))
		d.Want(`"id":1`)
		if h := o.last("tools/call").header; h.Get("Mcp-Session-Id") != "" || h.Get("Mcp-Name") != "find" || h.Get("Mcp-Protocol-Version") != "2026-07-28" {
			t.Errorf("a stateless call has the headers %v", h)
		}
		alive(d)
		d.End()
	})
}

// An id that is in use in both modes at once stands for two calls, and each gets what became of itself.
func TestRule8IDsReusedAcrossModes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		release := make(chan struct{})
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch m.Method {
			case "tools/list":
				<-release
				answer(w, m, `{"tools":[{"name":"find"}]}`)
			case "tools/call":
				w.WriteHeader(http.StatusPaymentRequired)
			default:
				return false
			}
			return true
		}
		d := o.open()
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		synctest.Wait()
		d.Write(statelessRequest(1, "tools/call", `"name":"find"`))
		d.Want(`"id":1`, "no LeadMagic credits remain", `"isError":true,"resultType":"complete"`)
		close(release)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"find"}]}}`)
		alive(d)
		d.End()
	})
}

// An initialize with the stateless version in its _meta is still the session one.
func TestRule8InitializeIsAlwaysSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := openEditor(t, o.remote())
		d.Write(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",` + metaOf + `}}`)
		d.Want(`"id":0`)
		alive(d)
		d.End()
		if h := o.last("initialize").header; h.Get("Mcp-Method") != "" {
			t.Errorf("initialize has the headers %v", h)
		}
		if o.count("ping s1") != 1 {
			t.Errorf("LeadMagic saw %q", o.log())
		}
	})
}

func TestRule8AVersionThatIsNoHeaderStillReachesLeadMagic(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := openEditor(t, o.remote())
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"1\r\nX-Evil: 1"}}}`)
		d.Want(`"id":1`)
		if h := o.last("ping").header; h.Get("X-Evil") != "" || h.Get("Mcp-Protocol-Version") != "=?base64?MQ0KWC1FdmlsOiAx?=" {
			t.Errorf("the call has the headers %v", h)
		}
		d.End()
	})
}

var regional = `{"name":"regional","inputSchema":{"type":"object","properties":{` +
	`"region":{"type":"string","x-mcp-header":"Region"},` +
	`"tier":{"type":"integer","x-mcp-header":"Tier","maximum":1e400},` +
	`"dry":{"x-mcp-header":"DRY-run","type":"boolean"},` +
	`"deep":{"type":"object","properties":{"er":{"type":"string","x-mcp-header":"Deeper"},"x-mcp-header":{"type":"string"}}},` +
	`"properties":{"type":"string","x-mcp-header":"Odd"},` +
	`"far":` + strings.Repeat(`{"not":`, 2000) + `{}` + strings.Repeat(`}`, 2000) + `,` +
	`"plain":{"type":"string","default":{"x-mcp-header":"in a value"},"examples":[{"x-mcp-header":""}]}}}}`

func TestRule8ArgumentsInHeaders(t *testing.T) {
	tests := []struct {
		name, arguments string
		want            map[string]string
	}{
		{"each kind", `{"region":"us-west1","tier":42,"dry":false}`, map[string]string{"Region": "us-west1", "Tier": "42", "Dry-Run": "false"}},
		{"none", `{}`, nil},
		{"null is no value", `{"region":null,"tier":null}`, nil},
		{"lists and objects are no values", `{"region":["a"],"tier":{"a":1}}`, nil},
		{"an integer may be written with a point", `{"tier":42.0}`, map[string]string{"Tier": "42"}},
		{"or with an exponent", `{"tier":-7e0}`, map[string]string{"Tier": "-7"}},
		{"zero has no sign", `{"tier":-0}`, map[string]string{"Tier": "0"}},
		{"a large one keeps its digits", `{"tier":9007199254740991}`, map[string]string{"Tier": "9007199254740991"}},
		{"the first and the last sign that a header may have", `{"region":"~ a!~"}`, map[string]string{"Region": "~ a!~"}},
		{"not ASCII", `{"region":"Hello, 世界"}`, map[string]string{"Region": "=?base64?SGVsbG8sIOS4lueVjA==?="}},
		{"an empty text", `{"region":""}`, map[string]string{"Region": ""}},
		{"nested", `{"deep":{"er":"x","x-mcp-header":"y"}}`, map[string]string{"Deeper": "x"}},
		{"nested in nothing", `{"deep":"er"}`, nil},
		{"a property that is called properties", `{"properties":"p"}`, map[string]string{"Odd": "p"}},
		{"arguments that are no object", `[1]`, nil},
		{"unannotated", `{"plain":"x"}`, nil},
	}
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = paged(map[string]string{"": `{"tools":[{"name":"find","inputSchema":{}},` + regional + `]}`})
		d := openEditor(t, o.remote())
		d.Write(statelessList)
		d.WantLine(`{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"find","inputSchema":{}},` + regional + `]}}`)
		for i, tt := range tests {
			d.Write(statelessRequest(i, "tools/call", `"name":"regional","arguments":`+tt.arguments))
			d.Want(fmt.Sprintf(`"id":%d`, i))
			got := make(map[string]string)
			for name, values := range o.last("tools/call").header {
				if short, ok := strings.CutPrefix(name, "Mcp-Param-"); ok {
					got[short] = strings.Join(values, "|")
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("%s: the headers are %q, want %q", tt.name, got, tt.want)
			}
		}
		d.Write(statelessRequest(100, "tools/call", `"name":"find","arguments":{"region":"x"}`))
		d.Want(`"id":100`)
		if h := o.last("tools/call").header; h.Get("Mcp-Param-Region") != "" {
			t.Errorf("another tool has the headers %v", h)
		}
		d.Write(statelessRequest(101, "prompts/get", `"name":"regional","arguments":{"region":"x"}`))
		d.Want(`"id":101`)
		if h := o.last("prompts/get").header; h.Get("Mcp-Name") != "regional" || h.Get("Mcp-Param-Region") != "" {
			t.Errorf("a prompt of the tool's name has the headers %v", h)
		}
		d.End()
	})
}

func TestRule8ToolsWithInvalidAnnotationsAreDropped(t *testing.T) {
	property := func(p string) string { return `{"properties":{"a":` + p + `}}` }
	invalid := map[string]string{
		"empty":                        property(`{"type":"string","x-mcp-header":""}`),
		"a number":                     property(`{"type":"string","x-mcp-header":7}`),
		"null":                         property(`{"type":"string","x-mcp-header":null}`),
		"an object":                    property(`{"type":"string","x-mcp-header":{"name":"A"}}`),
		"a list":                       property(`{"type":"string","x-mcp-header":["A"]}`),
		"true":                         property(`{"type":"string","x-mcp-header":true}`),
		"with a blank":                 property(`{"type":"string","x-mcp-header":"My Region"}`),
		"with a colon":                 property(`{"type":"string","x-mcp-header":"A:"}`),
		"with a line break":            property(`{"type":"string","x-mcp-header":"A\r\nX-Evil: 1"}`),
		"with a control character":     property(`{"type":"string","x-mcp-header":"A\u0001"}`),
		"not ASCII":                    property(`{"type":"string","x-mcp-header":"Städte"}`),
		"with brackets":                property(`{"type":"string","x-mcp-header":"A(b)"}`),
		"twice":                        `{"properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"type":"string","x-mcp-header":"Region"}}}`,
		"twice but for the case":       `{"properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"type":"string","x-mcp-header":"REGION"}}}`,
		"twice at different depths":    `{"properties":{"a":{"type":"string","x-mcp-header":"R"},"b":{"properties":{"c":{"type":"string","x-mcp-header":"r"}}}}}`,
		"on a number":                  property(`{"type":"number","x-mcp-header":"A"}`),
		"on an object":                 property(`{"type":"object","x-mcp-header":"A"}`),
		"on a list":                    property(`{"type":"array","x-mcp-header":"A"}`),
		"on null":                      property(`{"type":"null","x-mcp-header":"A"}`),
		"on several types":             property(`{"type":["string","null"],"x-mcp-header":"A"}`),
		"on no type":                   property(`{"x-mcp-header":"A"}`),
		"on the root":                  `{"type":"string","x-mcp-header":"A"}`,
		"in items":                     property(`{"type":"array","items":{"type":"string","x-mcp-header":"A"}}`),
		"in prefixItems":               property(`{"prefixItems":[{"type":"string","x-mcp-header":"A"}]}`),
		"in properties inside items":   property(`{"items":{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}}`),
		"in oneOf":                     `{"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`,
		"in anyOf":                     property(`{"anyOf":[{"type":"string","x-mcp-header":"A"}]}`),
		"in allOf":                     `{"allOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`,
		"in not":                       `{"not":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`,
		"in if":                        `{"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`,
		"in then":                      `{"then":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`,
		"in $defs":                     `{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}`,
		"in additionalProperties":      `{"additionalProperties":{"type":"string","x-mcp-header":"A"}}`,
		"in patternProperties":         `{"patternProperties":{"a":{"type":"string","x-mcp-header":"A"}}}`,
		"in dependentSchemas":          `{"dependentSchemas":{"a":{"type":"string","x-mcp-header":"A"}}}`,
		"in a keyword of tomorrow":     property(`{"type":"string","x-later":[[{"x-mcp-header":"A"}]]}`),
		"in a schema of no good depth": strings.Repeat(`{"not":`, 100_000) + `{"x-mcp-header":"A"}` + strings.Repeat(`}`, 100_000),
	}
	for name, schema := range invalid {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = paged(map[string]string{"": `{"a":1,"tools":[{"name":"first"} , {"name":"bad","inputSchema":` + schema + `}, {"name":"last"}] }`})
				var log safeBuffer
				r := o.remote()
				r.Log = slog.New(slog.NewTextHandler(&log, nil))
				d := openEditor(t, r)
				d.Write(statelessList)
				d.WantLine(`{"jsonrpc":"2.0","id":3,"result":{"a":1,"tools":[{"name":"first"},{"name":"last"}] }}`)
				if !strings.Contains(log.String(), "tool=bad") || strings.Contains(log.String(), "%!") {
					t.Errorf("the log says %q, want the tool's name and a reason", log.String())
				}
				d.End()
			})
		})
	}
	t.Run("a session session takes them all", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			bad := `{"tools":[{"name":"bad","inputSchema":` + invalid["on a number"] + `}]}`
			o.post = paged(map[string]string{"": bad})
			d := o.open()
			d.Write(`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
			d.WantLine(`{"jsonrpc":"2.0","id":3,"result":` + bad + `}`)
			d.End()
		})
	})
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// mismatch is LeadMagic's refusal of a call whose headers it does not find right.
func mismatch(w http.ResponseWriter, m rpc) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32020,"message":"Header mismatch"}}`, m.ID)
}

func TestRule8AHeaderMismatchListsTheToolsOnceAndTriesOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			switch m.Method {
			case "tools/list":
				return paged(map[string]string{"": `{"tools":[],"nextCursor":"b"}`, "b": `{"tools":[` + regional + `]}`})(w, r, m)
			case "tools/call":
				if r.Header.Get("Mcp-Param-Region") != "eu" {
					mismatch(w, m)
					return true
				}
			}
			return false
		}
		d := openEditor(t, o.remote())
		d.Write(statelessRequest(1, "tools/call", `"name":"regional","arguments":{"region":"eu"}`))
		d.Want(`"id":1`, `"result"`)
		d.Write(statelessRequest(2, "tools/call", `"name":"regional","arguments":{"region":"us"}`))
		d.WantLine(`{"jsonrpc":"2.0","id":2,"error":{"code":-32020,"message":"Header mismatch"}}`)
		d.End()
		o.wantLog("tools/call", "tools/list", "tools/list", "tools/call", "tools/call", "tools/list", "tools/list", "tools/call")
	})
}

// While the first page of a list is there and the next is not, what is on the next is called as before.
func TestRule8AListUnderWayTakesNoHeadersAway(t *testing.T) {
	pages := map[string]string{"": `{"tools":[{"name":"x"}],"nextCursor":"b"}`, "b": `{"tools":[` + regional + `]}`}
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if strings.Contains(m.raw, `"id":2,`) && strings.Contains(m.raw, "cursor") {
				untilGone(r)
				return true
			}
			return paged(pages)(w, r, m)
		}
		d := openEditor(t, o.remote())
		d.Write(statelessRequest(1, "tools/list", ""))
		d.Want(`"id":1`, "regional")
		d.Write(statelessRequest(2, "tools/list", ""))
		synctest.Wait()
		d.Write(statelessRequest(3, "tools/call", `"name":"regional","arguments":{"region":"eu"}`))
		d.Want(`"id":3`)
		if got := o.last("tools/call").header.Get("Mcp-Param-Region"); got != "eu" {
			t.Errorf("the region in the headers is %q, want eu", got)
		}
		d.Write(cancelOf("2"))
		pages["b"] = strings.ReplaceAll(pages["b"], "x-mcp-header", "x-other")
		d.Write(statelessRequest(4, "tools/list", ""))
		d.Want(`"id":4`, "regional")
		d.Write(statelessRequest(5, "tools/call", `"name":"regional","arguments":{"region":"eu"}`))
		d.Want(`"id":5`)
		if got := o.last("tools/call").header.Values("Mcp-Param-Region"); got != nil {
			t.Errorf("the region in the headers is %q, though the tool asks for none any more", got)
		}
		d.End()
	})
}

func TestRule8AHeaderMismatchThatNoListMends(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/list" {
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no list"}}`)
				return true
			}
			mismatch(w, m)
			return true
		}
		d := openEditor(t, o.remote())
		d.Write(statelessRequest(1, "tools/call", `"name":"regional"`))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Header mismatch"}}`)
		d.End()
		o.wantLog("tools/call", "tools/list")
	})
}

func TestRule8AHeaderMismatchOfEverythingEnds(t *testing.T) {
	for method, want := range map[string][]string{
		"tools/call":  {"tools/call", "tools/list"},
		"tools/list":  {"tools/list"},
		"prompts/get": {"prompts/get"},
	} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
				mismatch(w, m)
				return true
			}
			d := openEditor(t, o.remote())
			d.Write(statelessRequest(1, method, `"name":"x"`))
			d.WantLine(`{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Header mismatch"}}`)
			d.End()
			o.wantLog(want...)
		})
	}
}

func TestRule8JSONRPCErrorsOfTheStatelessModePassVerbatim(t *testing.T) {
	for _, tt := range []struct {
		status int
		error  string
	}{
		{400, `{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"1900-01-01"}}`},
		{400, `{"code":-32021,"message":"Missing capability","data":{"requiredCapabilities":{"sampling":{}}}}`},
		{400, `{"code":-32602,"message":"Invalid params"}`},
		{404, `{"code":-32601,"message":"Method not found"}`},
		{400, `{"code":-32602,"message":"` + strings.Repeat("long ", 50_000) + `"}`},
	} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":%s}`, m.ID, tt.error)
				return true
			}
			d := openEditor(t, o.remote())
			d.Write(statelessRequest(1, "tools/call", `"name":"x"`))
			d.WantLine(`{"jsonrpc":"2.0","id":1,"error":` + tt.error + `}`)
			d.End()
			o.wantLog("tools/call")
		})
	}
}

func TestRule8RequestIDsAreNeverRewritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = paged(map[string]string{"": `{"tools":[],"nextCursor":"b"}`, "b": `{"tools":[]}`})
		d := openEditor(t, o.remote())
		d.Write(statelessRequest(`"\u0041/1"`, "tools/list", ""))
		d.Want(`"id":"\u0041/1"`)
		d.End()
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, r := range o.seen {
			if !strings.Contains(r.raw, `"id":"\u0041/1"`) {
				t.Errorf("LeadMagic got %s", r.raw)
			}
		}
	})
}
