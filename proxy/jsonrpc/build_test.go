package jsonrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func parse(t *testing.T, line string) *Message {
	t.Helper()
	m, err := Parse([]byte(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}

func TestParseTellsWhatAMessageIs(t *testing.T) {
	const request, notification, response = Request, Notification, Response
	tests := []struct {
		line string
		kind Kind
		err  error
		id   string
	}{
		{`{"id":1,"method":"a"}`, request, nil, `1`},
		{`{"id":"x","method":"a","params":{}}`, request, nil, `"x"`},
		{`{"id":-1.5,"method":"a"}`, request, nil, `-1.5`},
		{`{"id":1,"method":"a","result":{}}`, request, nil, `1`},
		{`{"method":"a"}`, notification, nil, ``},
		{`{"method":""}`, notification, nil, ``},
		{`{"id":1,"result":{}}`, response, nil, `1`},
		{`{"id":1,"error":{}}`, response, nil, `1`},
		{`{"id":null,"error":{}}`, response, nil, `null`},
		{`{"error":{}}`, response, nil, ``},
		{`{"id":1,"result":null,"error":{}}`, response, nil, `1`},
		{" {\t\"id\" : 1 ,\r\n\"method\" : \"a\" } \n", request, nil, `1`},
		{`{"id":null,"method":"a"}`, request, errBadID, `null`},
		{`{"id":{},"method":"a"}`, request, errBadID, `{}`},
		{`{"id":[1],"method":"a"}`, request, errBadID, `[1]`},
		{`{"id":true,"method":"a"}`, request, errBadID, `true`},
		{`{"id":1}`, request, errNotMessage, `1`},
		{`{"id":1,"method":7}`, request, errNotMessage, `1`},
		{`{"id":1,"method":null,"result":{}}`, request, errNotMessage, `1`},
		{`{"id":1,"method":{},"error":{}}`, request, errNotMessage, `1`},
		{`{}`, request, errNotMessage, ``},
		{`[]`, request, errNotMessage, ``},
		{`[{"id":1,"method":"a"}]`, request, errNotMessage, ``},
		{`"a"`, request, errNotMessage, ``},
		{`7`, request, errNotMessage, ``},
		{`null`, request, errNotMessage, ``},
		{``, request, ErrNotJSON, ``},
		{`x`, request, ErrNotJSON, ``},
		{`{`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a"`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a"}}`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a"} x`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a"}{"id":1,"method":"a"}`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a",}`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a","x"}`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a","x":}`, request, ErrNotJSON, ``},
		{`{"id":1,"method":"a","x":1]`, request, ErrNotJSON, ``},
		{`{} {}`, request, ErrNotJSON, ``},
	}
	for _, tt := range tests {
		m, err := Parse([]byte(tt.line))
		if !errors.Is(err, tt.err) || err == nil && m.Kind != tt.kind || string(m.ID) != tt.id || string(m.Raw) != tt.line {
			t.Errorf("%s: got kind %d, id %s and %v; want %d, %s and %v", tt.line, m.Kind, m.ID, err, tt.kind, tt.id, tt.err)
		}
	}
}

func TestPartsOfAMessage(t *testing.T) {
	const meta = `{"progressToken":"p","` + versionKey + `":"2026-07-28","` + clientInfoKey + `":{"name":"ed\u0041"}}`
	m := parse(t, `{"jsonrpc":"2.0","id":1,"method":"m\u0041","params":{"_meta":{"progressToken":1},"name":"n\u0041","cursor":"c","_meta":`+meta+`}}`)
	if m.Method != "mA" || m.Param("name") != "nA" || m.Param("cursor") != "c" || m.Param("x") != "" || string(m.Meta) != meta || string(m.ProgressToken) != `"p"` {
		t.Errorf("got %q, %q, %s, %s", m.Method, m.Param("name"), m.Meta, m.ProgressToken)
	}
	if !m.Stateless() || m.Version != "2026-07-28" || m.EditorName() != "edA" {
		t.Errorf("got version %q of %q", m.Version, m.EditorName())
	}
	// The last _meta counts, with all that it has not.
	m = parse(t, `{"method":"a","params":{"_meta":`+meta+`,"_meta":{}}}`)
	if m.Stateless() || m.Version != "" || m.ProgressToken != nil || string(m.Meta) != "{}" || m.EditorName() != "" {
		t.Errorf("got %q, %s, %s", m.Version, m.ProgressToken, m.Meta)
	}
	// So do the last params.
	m = parse(t, `{"method":"a","params":{"_meta":`+meta+`},"params":{"name":"b"}}`)
	if m.Version != "" || m.Meta != nil || m.Param("name") != "b" {
		t.Errorf("got %q, %s", m.Version, m.Meta)
	}
	m = parse(t, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"e"},"_meta":`+meta+`}}`)
	if m.Stateless() || m.EditorName() != "e" {
		t.Errorf("initialize opens a session, and is by %q", m.EditorName())
	}
	for line, want := range map[string]bool{
		`{"method":"a","params":{"cursor":"x"}}`: true, `{"method":"a","params":{"cursor":""}}`: true, `{"method":"a","params":{"cursor":null}}`: false,
		`{"method":"a","params":{}}`: false, `{"method":"a"}`: false,
	} {
		if got := parse(t, line).HasCursor(); got != want {
			t.Errorf("%s has a cursor: %v", line, got)
		}
	}
	if !parse(t, `{"id":1,"method":"subscriptions/listen"}`).IsSubscription() || parse(t, `{"id":1,"method":"tools/list"}`).IsSubscription() {
		t.Error("a subscription is subscriptions/listen, and nothing else")
	}
}

func TestErrorsOfAResponse(t *testing.T) {
	tests := []struct {
		line string
		code int
		has  bool
	}{
		{`{"id":1,"error":{"code":-32601,"message":"m"}}`, -32601, true},
		{`{"id":1,"error":{"code":-32601.0,"message":"m"}}`, -32601, true},
		{`{"id":1,"error":{"code":1,"message":""}}`, 1, true},
		{`{"id":1,"error":{"code":-32601}}`, -32601, false},
		{`{"id":1,"error":{"message":"m"}}`, 0, false},
		{`{"id":1,"error":{"code":"bad","message":"m"}}`, 0, false},
		{`{"id":1,"error":{"code":1.5,"message":"m"}}`, 0, false},
		{`{"id":1,"error":{"code":1,"message":7}}`, 1, false},
		{`{"id":1,"error":"m"}`, 0, false},
		{`{"id":1,"result":{}}`, 0, false},
	}
	for _, tt := range tests {
		if m := parse(t, tt.line); m.ErrorCode() != tt.code || m.HasError() != tt.has {
			t.Errorf("%s: got %d, %v", tt.line, m.ErrorCode(), m.HasError())
		}
	}
}

func TestIDsThatPeersWriteOtherwise(t *testing.T) {
	tests := []struct {
		id, sent      string
		same, retyped bool
	}{
		{`7`, `7`, true, false},
		{`7.0`, `7`, true, false},
		{`7e0`, `7`, true, false},
		{`9007199254740992`, `9007199254740993`, true, false},
		{`9007199254740990`, `9007199254740993`, false, false},
		{`1.5`, `1.50`, true, false},
		{`"a"`, `"\u0061"`, true, false},
		{`8`, `7`, false, false},
		{`"7"`, `7`, false, true},
		{`"7.0"`, `7`, false, true},
		{`7`, `"7"`, false, true},
		{`7.0`, `"7"`, false, true},
		{`"8"`, `7`, false, false},
		{`8`, `"7"`, false, false},
		{`" 7"`, `7`, false, false},
		{`"0x7"`, `7`, false, false},
		{`"+7"`, `7`, false, false},
		{`"-"`, `0`, false, false},
		{`"NaN"`, `0`, false, false},
		{`"x"`, `0`, false, false},
		{`""`, `0`, false, false},
		{`"\"7\""`, `7`, false, false},
		{`"\"7"`, `"7"`, false, false},
		{`null`, `0`, false, false},
		{`null`, `"0"`, false, false},
		{`false`, `0`, false, false},
		{`true`, `1`, false, false},
		{`[7]`, `7`, false, false},
		{`{}`, `"{}"`, false, false},
		{``, `0`, false, false},
		{``, `"0"`, false, false},
	}
	for _, tt := range tests {
		if got := SameID([]byte(tt.id), []byte(tt.sent)); got != tt.same {
			t.Errorf("%s for %s is the same: %v", tt.id, tt.sent, got)
		}
		if got := IsRetypedID([]byte(tt.id), []byte(tt.sent)); got != tt.retyped {
			t.Errorf("%s for %s is retyped: %v", tt.id, tt.sent, got)
		}
	}
	for id, want := range map[string]bool{`0`: true, `9`: true, `-1`: true, `""`: true, ``: false, `null`: false, `{}`: false, `[`: false, `true`: false, `/`: false, `:`: false} {
		if got := ValidID([]byte(id)); got != want {
			t.Errorf("%q can be an id: %v", id, got)
		}
	}
}

func TestNewMessages(t *testing.T) {
	request := parse(t, `{"jsonrpc":"2.0","id":"\u0061","method":"a"}`)
	for want, m := range map[string]*Message{
		`{"jsonrpc":"2.0","method":"n<>"}`:                                                              NewNotification("n<>", nil),
		`{"jsonrpc":"2.0","method":"n","params":{"a":1}}`:                                               NewNotification("n", []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":7,"method":"m","params":{}}`:                                             NewRequest([]byte("7"), "m", []byte("{}")),
		`{"jsonrpc":"2.0","id":"\u0061","result":{"a":1}}`:                                              NewResult(request, []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"<\"m\">"}}`:                          NewError([]byte("7"), CodeInvalidRequest, `<"m">`, nil),
		`{"jsonrpc":"2.0","error":{"code":-32700,"message":"m","data":{"a":1}}}`:                        NewError(nil, CodeParseError, "m", []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":9,"method":"a"}`:                                                         request.WithID([]byte("9")),
		`{"jsonrpc":"2.0","id":"longer than it was","method":"a"}`:                                      request.WithID([]byte(`"longer than it was"`)),
		`{"jsonrpc":"2.0","result":{"b":2},"id":1}`:                                                     parse(t, `{"jsonrpc":"2.0","result":{"a":1},"id":1}`).WithResult([]byte(`{"b":2}`)),
		`{"id":1,"result":{"b":[2,3,4]},"x":{}}`:                                                        parse(t, `{"id":1,"result":{"a":1},"x":{}}`).WithResult([]byte(`{"b":[2,3,4]}`)),
		`{"method":"a","params":{"_meta":{},"b":1,"_meta":{}}}`:                                         parse(t, `{"method":"a","params":{"_meta":{"x":1},"b":1,"_meta":{"yy":22}}}`).WithMeta(func([]byte) []byte { return []byte("{}") }),
		`{"method":"a","params":{"_meta":{"x":1,"longer":true},"b":1,"_meta":{"yy":22,"longer":true}}}`: parse(t, `{"method":"a","params":{"_meta":{"x":1},"b":1,"_meta":{"yy":22}}}`).WithMeta(longer),
	} {
		if string(m.Raw) != want {
			t.Errorf("got %s, want %s", m.Raw, want)
		}
		if again, err := Parse(m.Raw); err != nil || again.Kind != m.Kind || !bytes.Equal(again.ID, m.ID) || again.Method != m.Method {
			t.Errorf("%s is parsed as something else: %v", m.Raw, err)
		}
	}
	unchanged := parse(t, `{"method":"a","params":{"_meta":{"x":1}}}`)
	if got := unchanged.WithMeta(bytes.Clone); got != unchanged {
		t.Errorf("what does not change has become %s", got.Raw)
	}
	if got := unchanged.WithMeta(longer).WithMeta(longer); string(got.Raw) != `{"method":"a","params":{"_meta":{"x":1,"longer":true,"longer":true}}}` {
		t.Errorf("changed twice it is %s", got.Raw)
	}
	why := errors.New("why")
	failed := Failed(request, why)
	if failed.Kind != Response || string(failed.ID) != `"\u0061"` || !errors.Is(failed.Err, why) || failed.Raw != nil {
		t.Errorf("a failure is %+v", failed)
	}
	other := failed.WithID([]byte("7"))
	if string(other.ID) != "7" || !errors.Is(other.Err, why) || string(failed.ID) != `"\u0061"` {
		t.Errorf("with another id it is %+v, and was %+v", other, failed)
	}
	if m := Compose([]byte(`{"method"`), []byte(`:"a`), []byte(`"}`)); m.Method != "a" || m.Kind != Notification || cap(m.Raw) == len(m.Raw) {
		t.Errorf("composed is %s", m.Raw)
	}
}

// longer is a _meta with another member.
func longer(meta []byte) []byte {
	return append(append([]byte(nil), meta[:len(meta)-1]...), `,"longer":true}`...)
}

// The end of a session waits for what it has begun, but no longer than it may.
func TestWaitFor(t *testing.T) {
	for _, tt := range []struct {
		name       string
		wait       func(context.Context, *sync.WaitGroup)
		work, most time.Duration // 0 is no limit
		want       time.Duration
	}{
		{"all of the work", WaitFor, time.Second, time.Minute, time.Second},
		{"all of it without a limit", WaitFor, time.Hour, 0, time.Hour},
		{"no longer than it may", WaitFor, time.Hour, time.Minute, time.Minute},
		{"all of the work that half of the time is enough for", WaitHalf, time.Second, time.Minute, time.Second},
		{"half of all time without a limit", WaitHalf, time.Hour, 0, time.Hour},
		{"half of the time", WaitHalf, time.Hour, time.Minute, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.most > 0 {
					limited, stop := context.WithTimeout(ctx, tt.most)
					defer stop()
					ctx = limited
				}
				var begun sync.WaitGroup
				begun.Go(func() { <-time.After(tt.work) })
				start := time.Now()
				tt.wait(ctx, &begun)
				if got := time.Since(start); got != tt.want {
					t.Errorf("waited for %v, want %v", got, tt.want)
				}
				begun.Wait()
			})
		})
	}
}

func TestSessionStateKeepsWhatTheNextSessionNeeds(t *testing.T) {
	line := func(id int, method, params string) *Message {
		return parse(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
	}
	ok := func(m *Message) *Message { return NewResult(m, []byte(`{"protocolVersion":"v1"}`)) }
	var s SessionState
	want := func(when, version string, initialize *Message, after ...*Message) {
		t.Helper()
		if got := s.AfterInitialize(); !slices.Equal(got, after) || s.Initialize() != initialize || s.Version() != version {
			var lines []string
			for _, m := range got {
				lines = append(lines, string(m.Raw))
			}
			t.Errorf("%s: version %q, and %s", when, s.Version(), strings.Join(lines, " "))
		}
	}
	want("at first", "", nil)
	initialize, initialized := line(1, "initialize", "{}"), parse(t, `{"method":"notifications/initialized"}`)
	s.Sent(initialize)
	want("while it is opened", "", initialize)
	s.Answered(initialize, ok(initialize))
	want("when it is open", "v1", initialize)
	s.Sent(initialized)
	want("initialized", "v1", initialize, initialized)
	level, other := line(2, "logging/setLevel", `{"level":"info"}`), line(3, "logging/setLevel", `{"level":"error"}`)
	s.Sent(level)
	s.Answered(level, ok(level))
	s.Answered(other, NewError(other.ID, 1, "no", nil))
	want("with a level", "v1", initialize, initialized, level)
	s.Answered(other, ok(other))
	want("with another level", "v1", initialize, initialized, other)
	b, a, a2 := line(4, "resources/subscribe", `{"uri":"b"}`), line(5, "resources/subscribe", `{"uri":"a"}`), line(6, "resources/subscribe", `{"uri":"a"}`)
	for _, m := range []*Message{b, a, a2} {
		s.Answered(m, ok(m))
	}
	want("with subscriptions", "v1", initialize, initialized, other, a2, b)
	un := line(7, "resources/unsubscribe", `{"uri":"a"}`)
	s.Answered(un, NewError(un.ID, 1, "no", nil))
	s.Answered(line(8, "tools/call", "{}"), ok(un))
	want("after an unsubscription that was refused", "v1", initialize, initialized, other, a2, b)
	s.Answered(un, ok(un))
	want("after one that was not", "v1", initialize, initialized, other, b)
	stateless := line(9, "resources/subscribe", `{"uri":"z","_meta":{"`+versionKey+`":"2026-07-28"}}`)
	s.Answered(stateless, ok(stateless))
	want("after a request of no session", "v1", initialize, initialized, other, b)

	again := line(10, "initialize", "{}")
	s.Sent(again)
	want("when the editor begins anew", "", again)
	s.Answered(initialize, ok(initialize))
	want("after a late response to the first", "", again)
	s.Answered(again, NewResult(again, []byte(`{"protocolVersion":"v2"}`)))
	want("when it has begun anew", "v2", again)

	// It does not stay locked, and is safe for concurrent use.
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 100 {
				s.Sent(initialized)
				s.Answered(b, ok(b))
				s.AfterInitialize()
				s.Version()
				s.Initialize()
			}
		}()
	}
	for range 4 {
		<-done
	}
}
