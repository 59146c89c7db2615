package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

func TestControlPath(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	if got := send(t, s, find(session)); got.status != 200 {
		t.Fatal(got.status)
	}
	state := decode(t, control(t, s, "GET", "state", "").body)
	for name, want := range map[string]float64{"balance": 999, "calls": 1, "charged": 1, "sessions": 1, "requests": 3, "faults": 0} {
		if state[name] != want {
			t.Errorf("%s = %v, want %v", name, state[name], want)
		}
	}
	var calls []sandbox.Call
	if err := json.Unmarshal([]byte(control(t, s, "GET", "calls", "").body), &calls); err != nil || len(calls) != 1 || string(calls[0].Args) != finder {
		t.Errorf("calls = %+v, %v", calls, err)
	}

	t.Run("faults are armed, listed and cleared", func(t *testing.T) {
		if got := control(t, s, "POST", "faults", `{"kind":"status","status":503,"path":"/v1/","times":2}`); got.status != 204 {
			t.Fatalf("one: %d %s", got.status, got.body)
		}
		if got := control(t, s, "POST", "faults", ` [{"kind":"html","delay":"1ms"},{"kind":"cut"}]`); got.status != 204 {
			t.Fatalf("two: %d %s", got.status, got.body)
		}
		if got := send(t, s, request{method: "GET", path: "/v1/credits"}); got.status != 503 {
			t.Errorf("armed: %d", got.status)
		}
		var list []sandbox.Fault
		if err := json.Unmarshal([]byte(control(t, s, "GET", "faults", "").body), &list); err != nil || len(list) != 3 || list[0].Times != 1 {
			t.Errorf("faults = %+v, %v", list, err)
		}
		if got := control(t, s, "DELETE", "faults", ""); got.status != 204 {
			t.Errorf("clear: %d", got.status)
		}
		if got := send(t, s, request{method: "GET", path: "/v1/credits"}); got.status != 200 {
			t.Errorf("cleared: %d", got.status)
		}
		for _, bad := range []string{"", "null", "7", `{"kind":"typo"}`, `[{"kind":"cut"},{"kind":"reshape"}]`, `{"kind":"reshape","shapes":["round"]}`} {
			if got := control(t, s, "POST", "faults", bad); got.status != 400 {
				t.Errorf("%q: %d", bad, got.status)
			}
		}
		if got := decode(t, control(t, s, "GET", "state", "").body)["faults"]; got != 0.0 {
			t.Errorf("%v faults were armed by bad bodies", got)
		}
	})
	t.Run("the balance is set", func(t *testing.T) {
		if got := control(t, s, "PATCH", "state", `{"balance":50.5}`); got.status != 200 || s.Balance() != 50.5 {
			t.Errorf("got %d, balance %v", got.status, s.Balance())
		}
	})
	t.Run("sessions are lost", func(t *testing.T) {
		if got := control(t, s, "DELETE", "sessions", ""); got.status != 204 {
			t.Errorf("got %d", got.status)
		}
		if got := send(t, s, find(session)); got.status != 404 {
			t.Errorf("the session lives: %d", got.status)
		}
	})
	t.Run("changes are announced", func(t *testing.T) {
		if got := control(t, s, "POST", "announce", `{"what":"tools"}`); got.status != 204 {
			t.Errorf("tools: %d", got.status)
		}
		if got := control(t, s, "POST", "announce", `{"what":"weather"}`); got.status != 400 {
			t.Errorf("weather: %d", got.status)
		}
	})
	t.Run("requests are shown without keys", func(t *testing.T) {
		got := control(t, s, "GET", "requests", "").body
		if strings.Contains(got, sandbox.Key) || !strings.Contains(got, `"key_accepted":true`) || !strings.Contains(got, `"X-Leadmagic-Key":["withheld"]`) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("the key is rotated", func(t *testing.T) {
		got := control(t, s, "PATCH", "state", `{"key":"lm_canary_5f1c0e9a7b3d2468"}`)
		if got.status != 200 || strings.Contains(got.body, "canary") {
			t.Errorf("got %d %s", got.status, got.body)
		}
		if got := send(t, s, request{method: "GET", path: "/v1/credits"}); got.status != 401 {
			t.Errorf("the old key: %d", got.status)
		}
	})
	t.Run("anything else is not found", func(t *testing.T) {
		if got := control(t, s, "PUT", "state", "{}"); got.status != 404 {
			t.Errorf("got %d", got.status)
		}
	})
}

func TestControlPathIsForLoopbackAlone(t *testing.T) {
	s := start(t, sandbox.Options{AnyHost: true})
	for _, test := range []struct{ what, host, origin string }{
		{"a web page", "", "https://a.example"},
		{"a name that resolves to loopback", "a.example", ""},
	} {
		r := request{method: "GET", path: "/_sandbox/state"}.build(t, t.Context(), s)
		if test.host != "" {
			r.Host = test.host
		}
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != 403 {
			t.Errorf("%s: %d", test.what, response.StatusCode)
		}
	}
}

func TestForeignHostsAreRefusedOnLoopback(t *testing.T) {
	for _, test := range []struct {
		any  bool
		want int
	}{{false, 403}, {true, 200}} {
		s := start(t, sandbox.Options{AnyHost: test.any})
		r := request{method: "GET", path: "/v1/credits"}.build(t, t.Context(), s)
		r.Host = "api.leadmagic.example"
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("AnyHost %v: %d", test.any, response.StatusCode)
		}
	}
}
