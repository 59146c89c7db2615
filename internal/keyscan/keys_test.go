package keyscan

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestKeysAreFound(t *testing.T) {
	tests := []struct {
		name   string
		degree suspicion
		text   string
		want   []string // what is found, in order
	}{
		{"a key in an entry", inEditor, `{"env": {"LEADMAGIC_API_KEY": "` + canary + `"}}`, []string{canary}},
		{"the shortest key", inEditor, `"lm_0123456789abc"`, []string{"lm_0123456789abc"}},
		{"what is too short for a key", inEditor, `"lm_0123456789ab"`, nil},
		{"a key far behind in a file", inConfig, strings.Repeat("A=1\n", 1000) + "LEADMAGIC_API_KEY=8f3a", []string{"8f3a"}},
		{"what is too long for a key", inEditor, "LEADMAGIC_API_KEY=" + strings.Repeat("8f3a", 33), nil},
		{"what is as long as a key may be", inEditor, "LEADMAGIC_API_KEY=" + strings.Repeat("8f3a", 32), []string{strings.Repeat("8f3a", 32)}},
		{"a key without lm_ under a name", inEditor, `"LEADMAGIC_API_KEY": "8f3a-77"`, []string{"8f3a-77"}},
		{"a header", inEditor, `"headers": {"X-LeadMagic-Key": "8f3a"}`, []string{"8f3a"}},
		{"the other header", inEditor, `"X-API-Key" : '8f3a'`, []string{"8f3a"}},
		{"a header as an argument", inEditor, `"args": ["--header", "x-leadmagic-key:8f3a", "x"]`, []string{"8f3a"}},
		{"a variable as an argument", inEditor, `["-e", "LEADMAGIC_API_KEY=8f3a"]`, []string{"8f3a"}},
		{"a value in the next line", inEditor, "\"LEADMAGIC_API_KEY\":\n  \"8f3a\"", []string{"8f3a"}},
		{"JSON inside of JSON", inEditor, `"x": "{\"LEADMAGIC_API_KEY\":\"8f3a\"}"`, []string{"8f3a"}},
		{"TOML", inEditor, "env = { LEADMAGIC_API_KEY = \"8f3a\" }\n", []string{"8f3a"}},
		{"a header in TOML", inEditor, `http_headers = { "x-leadmagic-key" = "8f3a" }`, []string{"8f3a"}},
		{"a bearer token", inEditor, `"Authorization": "Bearer ` + canary + `"`, []string{canary}},
		{"a name whose value comes from a variable", inEditor, `env_http_headers = { "x-leadmagic-key" = "LEADMAGIC_API_KEY" }`, nil},
		{"a list of names", inEditor, `env_vars = ["LEADMAGIC_API_KEY", "HTTPS_PROXY"]`, nil},
		{"the variable of a file", inEditor, `"LEADMAGIC_API_KEY_FILE": "/home/u/key"`, nil},
		{"references in every syntax", inEditor, "\"LEADMAGIC_API_KEY\": \"${LEADMAGIC_API_KEY}\"\nLEADMAGIC_API_KEY: '$X'\n" +
			"\"LEADMAGIC_API_KEY\": \"{env:X}\"\nLEADMAGIC_API_KEY=%X%\nLEADMAGIC_API_KEY=$(pass x)\nLEADMAGIC_API_KEY=`pass x`\n" +
			"LEADMAGIC_API_KEY: ${{ secrets.X }}\n\"X-API-Key\": \"{{key}}\"\nLEADMAGIC_API_KEY: !vault x\nLEADMAGIC_API_KEY=op://a/b\n", nil},
		{"samples", inEditor, `"lm_your_api_key_here" "lm_xxxxxxxxxxxxxxxxx" "LEADMAGIC_API_KEY": "YOUR_API_KEY" "x-leadmagic-key": "<key>"`, nil},
		{"nothing", inEditor, "LEADMAGIC_API_KEY=\nOTHER=1\n\"LEADMAGIC_API_KEY\": \"\"", nil},
		{"what only ends like a key", inEditor, "film_0123456789abcdef 1lm_0123456789abcdef _lm_0123456789abcdef", nil},
		{"a key that begins twice", inEditor, "lm_-lm_0123456789abc", []string{"lm_-lm_0123456789abc"}},
		{"a name within another", inConfig, "MY_LEADMAGIC_API_KEY=8f3a LEADMAGIC_API_KEYS=8f3a my-x-leadmagic-key: 8f3b", []string{"8f3b"}},
		{"two keys in one line", inEditor, "lm_0123456789abc lm_0123456789abd", []string{"lm_0123456789abc", "lm_0123456789abd"}},
		{"other people's names in a config file", inConfig, `{"lm_head_projection_weight": 1, "lm_welcome_message_title": "x"}`, nil},
		{"a key in a config file", inConfig, "key: " + canary + "\n", []string{canary}},
		{"a key of letters in a config file", inConfig, "- lm_abcdefghijklmnop\n", []string{"lm_abcdefghijklmnop"}},
		{"a key in short parts in a config file", inConfig, `"key": "lm_live_ab12_cd34_ef"`, []string{"lm_live_ab12_cd34_ef"}},
		{"a key whose second part has the numbers", inConfig, `- lm_productionkey_0123456789ab`, []string{"lm_productionkey_0123456789ab"}},
		{"a key whose second part has the numbers, in code", inCode, `f("lm_productionkey_0123456789ab")`, []string{"lm_productionkey_0123456789ab"}},
		{"a setting with a long word in its name", inConfig, "lm_representation_weight: 0.1\nlm_eval_2024_results = 1\n", nil},
		{"a value made of words", inConfig, "head: lm_head_projection_weight\n", nil},
		{"encrypted values", inConfig, "LEADMAGIC_API_KEY=ENC[AES256_GCM,data:x]\nLEADMAGIC_API_KEY: vault:secret/x#y\n", nil},
		{"LeadMagic's variable in a config file", inConfig, "LEADMAGIC_API_KEY=8f3a\n", []string{"8f3a"}},
		{"somebody's header in a config file", inConfig, `"X-API-Key": "8f3a"`, nil},
		{"LeadMagic's header in a config file", inConfig, "url: https://api.leadmagic.io\nX-API-Key: 8f3a\n", []string{"8f3a"}},
		{"a key under somebody's header", inConfig, `"X-API-Key": "lm_abc"`, []string{"lm_abc"}},
		{"a model's code", inCode, "self.lm_head_projection_weight = lm_head(hidden_states_0123456789)", nil},
		{"a key in code", inCode, `client("` + canary + `")`, []string{canary}},
		{"a key that is set in code", inCode, `os.Setenv("LEADMAGIC_API_KEY", "lm_abc")`, []string{"lm_abc"}},
		{"a key in a map in code", inCode, `headers := map[string]string{"X-API-Key": "lm_abc"}`, []string{"lm_abc"}},
		{"a variable in code", inCode, "LEADMAGIC_API_KEY = lm_abc\n", nil},
		{"a name in code", inCode, `os.environ["LEADMAGIC_API_KEY"] = get("x"); headers["x-api-key"] = "8f3a"`, nil},
		{"a key that is assigned in code", inCode, `os.environ["LEADMAGIC_API_KEY"] = "lm_abc"`, []string{"lm_abc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, h := range hits([]byte(tt.text), tt.degree) {
				got = append(got, tt.text[h.from:h.to])
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAKeyIsAWordOfItsOwn(t *testing.T) {
	const key = "lm_0123456789abcdef"
	for _, c := range "09azAZ_" {
		if Holds(string(c) + key) {
			t.Errorf("a key is found behind %c", c)
		}
	}
	for _, before := range append(strings.Split("/:@[`{-é\x00", ""), `\n`, `\u0041`, "%41") {
		if !Holds(before + key) {
			t.Errorf("no key is found behind %s", before)
		}
	}
}

func TestHoldsKey(t *testing.T) {
	for text, want := range map[string]bool{canary: true, "--x=" + canary: true, "x-leadmagic-key: 8f3a": true, "--read-only": false, "lm_abc": false} {
		if got := Holds(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestOnlyKeysAreReplaced(t *testing.T) {
	const text = "a: " + canary + "\nLEADMAGIC_API_KEY=8f3a77 " + canary + " b\n"
	if got, want := string(Replace([]byte(text), "x")), "a: x\nLEADMAGIC_API_KEY=x x b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Hide(text), "a: <hidden>\nLEADMAGIC_API_KEY=8f3a77 <hidden> b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzNothingReplacedHoldsAKey(f *testing.F) {
	f.Add([]byte(`{"LEADMAGIC_API_KEY": "` + canary + `"}`))
	f.Add([]byte("x-api-key='" + canary + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Replace(text, "removed-by-"+program)
		if len(hits(got, inEditor)) > 0 || bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
			t.Errorf("%q keeps a key: %q", text, got)
		}
		if hidden := Hide(string(text)); len(tokens([]byte(hidden))) > 0 {
			t.Errorf("%q became %q", text, hidden)
		}
	})
}
