package auth

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const canary = "lm_canary_5f1c0e9a7b3d2468"

func TestTheKeyGoesOutAndDoesNotComeBack(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("X-Echo", r.Header.Get("X-Leadmagic-Key"))
		_, _ = io.WriteString(w, `{"echo":"`+r.Header.Get("X-Leadmagic-Key")+`"}`)
	}))
	defer server.Close()
	origin, err := CheckOrigin(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &Transport{Origin: origin, Header: "x-leadmagic-key", UserAgent: "test/1", Keys: &Keys{Getenv: environment(map[string]string{
		"LEADMAGIC_API_KEY": " \"" + canary + "\"\r\n", "HOME": t.TempDir(),
	})}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, (&url.URL{Scheme: "http", Host: origin.Host, Path: "/mcp"}).String(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-api-key", "of the caller")
	req.Header.Set("authorization", "of the caller")
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.Get("X-Leadmagic-Key") != canary || got.Get("X-Api-Key") != "" || got.Get("Authorization") != "" || got.Get("User-Agent") != "test/1" {
		t.Error("the request's headers are not the key and the user agent alone")
	}
	if want := `{"echo":"[redacted]"}`; string(body) != want {
		t.Errorf("the body is not %s", want)
	}
	if got, want := res.Header.Get("X-Echo"), Redacted; got != want {
		t.Errorf("the echoed header is not %s", want)
	}
	if req.Header.Get("X-Leadmagic-Key") != "" || res.Request != req {
		t.Error("the caller's request was changed, or the answer shows the one with the key")
	}
	if res.ContentLength != -1 || res.Header.Get("Content-Length") != "" {
		t.Error("the answer keeps a length that is no longer its own")
	}
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}
