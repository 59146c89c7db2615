package keyscan

import (
	"slices"
	"testing"
)

// None of these holds a key: they say where one is, or that there is none.
func TestWhatOnlyNamesAKeyIsNone(t *testing.T) {
	for _, text := range []string{
		// Encrypted: dotenvx, SOPS, Ansible, Spring, sealed and plain Kubernetes secrets
		`LEADMAGIC_API_KEY="encrypted:BG8M6U5ElLTiVn5fIdrJzUyCYmwdCbwRYxrCk4NYC8DRV0xQd0HrKaKo8bmTPPwuXyz0ePOgrK0"`,
		`LEADMAGIC_API_KEY=encrypted:BG8M6U5ElLTiVn5fIdrJzUyCYmwdCbwRYxrCk4NYC8DRV0xQd0HrKaKo8bmTPPwuXyz0ePOgrK0==`,
		`LEADMAGIC_API_KEY: ENC[AES256_GCM,data:Tr7o1,iv:1=,type:str]`,
		"LEADMAGIC_API_KEY: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6231316538\n",
		`LEADMAGIC_API_KEY='{cipher}AQA6f3a77'`,
		`LEADMAGIC_API_KEY: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4OJSWK+PiTySYZZA9rO43cGDEq`,
		"LEADMAGIC_API_KEY: dHJ1ZQ==", // true
		// Languages and tools
		`LEADMAGIC_API_KEY = var.leadmagic_api_key`,
		`LEADMAGIC_API_KEY = local.keys["leadmagic2"]`,
		`LEADMAGIC_API_KEY = data.aws_ssm_parameter.key1a2b.value`,
		`LEADMAGIC_API_KEY = random_password.k3y5x.result`,
		`LEADMAGIC_API_KEY: process.env.LEADMAGIC_API_KEY,`,
		`"x-api-key": process.env["L3ADM4G1C"],`,
		`LEADMAGIC_API_KEY = os.environ["LEADMAGIC_API_KEY"]`,
		`LEADMAGIC_API_KEY = os.getenv('K3Y5X')`,
		`LEADMAGIC_API_KEY = ENV.fetch("K3Y5X")`,
		`'x-leadmagic-key' => ENV['K3Y5X']`,
		`'x-leadmagic-key' => $this->key7f3a`,
		`LEADMAGIC_API_KEY: import.meta.env.VITE_K3Y5X`,
		`LEADMAGIC_API_KEY: std::env::var("K3Y5X")`,
		`LEADMAGIC_API_KEY = config.sops.placeholder.k3y5x;`,
		`LEADMAGIC_API_KEY = builtins.readFile ./k3y5x;`,
		`LEADMAGIC_API_KEY: ${{ secrets.LEADMAGIC_API_KEY }}`,
		`LEADMAGIC_API_KEY: {{ .Values.leadmagic.k3y5x | quote }}`,
		`LEADMAGIC_API_KEY: "{{ lookup('env', 'K3Y5X') }}"`,
		`LEADMAGIC_API_KEY: "<< parameters.k3y5x >>"`,
		`LEADMAGIC_API_KEY: <%= k3y5x %>`,
		`LEADMAGIC_API_KEY: $(k3y5x)`, `LEADMAGIC_API_KEY: #{k3y5x}#`, `LEADMAGIC_API_KEY=@Microsoft.KeyVault(SecretUri=x1y2z)`,
		`LEADMAGIC_API_KEY: credentials('k3y5x')`, `LEADMAGIC_API_KEY ?= $(shell pass k3y5x)`, `LEADMAGIC_API_KEY := $K3Y5X`,
		`LEADMAGIC_API_KEY: !Ref K3Y5X`, `LEADMAGIC_API_KEY: !secret k3y5x`, `LEADMAGIC_API_KEY: !Sub "${K3Y5X}"`,
		`"LEADMAGIC_API_KEY": "${input:k3y5x}"`, `"LEADMAGIC_API_KEY": "${input:leadmagic-k3y5x}"`, `"LEADMAGIC_API_KEY": "${K3Y5X:-}"`, `"LEADMAGIC_API_KEY": "${K3Y5X:?not set}"`,
		`LEADMAGIC_API_KEY: z.string().min(8)`, `LEADMAGIC_API_KEY: Option<String>`, `LEADMAGIC_API_KEY: string;`, `"x-api-key": apiKey,`, `"X-LeadMagic-Key": leadmagicKeyV2,`,
		"- name: LEADMAGIC_API_KEY\n  valueFrom: k3y5x\n", "- name: LEADMAGIC_API_KEY\n  value: $(K3Y5X)\n", `{"name": "LEADMAGIC_API_KEY", "value": "${K3Y5X}"}`,
		`{"name": "LEADMAGIC_API_KEY", "values": "k3y5x"}`, "LEADMAGIC_API_KEY\n\nvalue k3y5x\n", "- key: LEADMAGIC_API_KEY\n- value: k3y5x\n",
		`LEADMAGIC_API_KEY: ((k3y5x))`, `LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY:?k3y5x}`, `LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY:-dummy}`, `LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY:+k3y5x}`,
		// Places
		`LEADMAGIC_API_KEY: secretRef:leadmagic-key7f3a`, `LEADMAGIC_API_KEY=awssm://prod/k3y5x`, `LEADMAGIC_API_KEY=op://vault/k3y5x/field`,
		`LEADMAGIC_API_KEY=gcp-sm://projects/1/k3y5x`, `LEADMAGIC_API_KEY=ref+vault://secret/k3y5x#value`, `LEADMAGIC_API_KEY=file:///run/k3y5x`,
		`LEADMAGIC_API_KEY=vault:secret/data/k3y5x#key`, `LEADMAGIC_API_KEY=keychain:k3y5x`, `LEADMAGIC_API_KEY=arn:aws:secretsmanager:eu-1:1:secret:k3y5x`,
		`LEADMAGIC_API_KEY=/run/secrets/k3y5x`, `LEADMAGIC_API_KEY=~/.k3y5x`, `LEADMAGIC_API_KEY=./k3y5x.txt`,
		// YAML
		`LEADMAGIC_API_KEY: *k3y5x`, `LEADMAGIC_API_KEY: &key ${K3Y5X}`, "LEADMAGIC_API_KEY: >-\n  ${K3Y5X}\n", "LEADMAGIC_API_KEY: |\n  {{ k3y5x }}\nother: 8f3a77",
		"LEADMAGIC_API_KEY: >-\n\n    op://vault/k3y5x\n", "  LEADMAGIC_API_KEY: |-\n  other: 8f3a77\n", "LEADMAGIC_API_KEY:\n  from_secret: k3y5x\n", "LEADMAGIC_API_KEY:\n8f3a77: x\n",
		"LEADMAGIC_API_KEY: # in the vault\n  - k3y5x: 1\n", "LEADMAGIC_API_KEY=\nOTHER=8f3a77\n",
		// Words in its place
		`LEADMAGIC_API_KEY=dummy`, `LEADMAGIC_API_KEY=test-key`, `LEADMAGIC_API_KEY=replace-me`, `LEADMAGIC_API_KEY=TODO`, `LEADMAGIC_API_KEY=none`, `LEADMAGIC_API_KEY="null"`,
		`LEADMAGIC_API_KEY=test-key-123`, `LEADMAGIC_API_KEY=fake_key`, `LEADMAGIC_API_KEY=FIXME`, `LEADMAGIC_API_KEY=changeit`, `LEADMAGIC_API_KEY=CHANGE_ME_2`, `LEADMAGIC_API_KEY=secret`,
		`LEADMAGIC_API_KEY=abc123`, `LEADMAGIC_API_KEY=12345678`, `LEADMAGIC_API_KEY=n/a`, `LEADMAGIC_API_KEY=-`, `LEADMAGIC_API_KEY=undefined`, `LEADMAGIC_API_KEY=foobar`, `LEADMAGIC_API_KEY=my-k8s-secret`,
		`LEADMAGIC_API_KEY="set in the dashboard"`, `LEADMAGIC_API_KEY=insert-key-here`, `LEADMAGIC_API_KEY=xxxxxxxx`, `LEADMAGIC_API_KEY=********`, `LEADMAGIC_API_KEY=...`, `LEADMAGIC_API_KEY=leadmagic_api_key_production`,
		`LEADMAGIC_API_KEY=lm_dummy`, `LEADMAGIC_API_KEY=lm_test_key`, `LEADMAGIC_API_KEY="lm_test_key_for_ci"`, `LEADMAGIC_API_KEY=lm_...`, `LEADMAGIC_API_KEY=lm_xxxx`, `LEADMAGIC_API_KEY=lm_`, `LEADMAGIC_API_KEY=lm_fake_key_000000`, `LEADMAGIC_API_KEY=lm_0000000000000000`, `LEADMAGIC_API_KEY=aaaaaaaaaaaaaaaaaaaaaaaaaaaa`,
		`LEADMAGIC_API_KEY=theApiKey`, `LEADMAGIC_API_KEY=aBcDeFghijkl`, `LEADMAGIC_API_KEY=aBcDeFgH`, "  LEADMAGIC_API_KEY:\n  8f3a77\n", "aLEADMAGIC_API_KEY=8f3a77",
		`LEADMAGIC_API_KEY="lm_<your key>"`, `LEADMAGIC_API_KEY="lm_{k3y5x}"`, `LEADMAGIC_API_KEY=lm_replace_me_please`,
	} {
		for _, degree := range []suspicion{inEditor, inConfig, inCode} {
			for _, h := range hits([]byte(text), degree) {
				t.Errorf("%s: found %q, suspicion %d", text, text[h.from:h.to], degree)
			}
		}
	}
}

// Each of these looks like one of the above, and holds a key.
func TestAKeyBesideAReferenceIsFound(t *testing.T) {
	const real = "lm_0123456789abcdef"
	for text, want := range map[string]string{
		`LEADMAGIC_API_KEY="encrypted:` + real + `"`:                        real,
		`LEADMAGIC_API_KEY=op://vault/` + real:                              real,
		`LEADMAGIC_API_KEY=https://` + real + `@x`:                          real,
		`LEADMAGIC_API_KEY: secretRef:` + real:                              real,
		`LEADMAGIC_API_KEY: ${LEADMAGIC_API_KEY:-` + real + `}`:             real,
		`LEADMAGIC_API_KEY: ${LEADMAGIC_API_KEY:-8f3a77}`:                   "8f3a77",
		`"LEADMAGIC_API_KEY": "${env:LEADMAGIC_API_KEY:-8f3a77}"`:           "8f3a77",
		`LEADMAGIC_API_KEY=${OTHER_KEY-8f3a77}`:                             "8f3a77",
		`LEADMAGIC_API_KEY: {{ key | default "` + real + `" }}`:             real,
		`LEADMAGIC_API_KEY = os.getenv("X", "` + real + `")`:                real,
		`LEADMAGIC_API_KEY: !!str 8f3a77`:                                   "8f3a77",
		`LEADMAGIC_API_KEY: &key 8f3a77`:                                    "8f3a77",
		`LEADMAGIC_API_KEY: &key "8f3a77"`:                                  "8f3a77",
		"LEADMAGIC_API_KEY: >-\n  8f3a77\n":                                 "8f3a77",
		"LEADMAGIC_API_KEY: >-\n  " + real + "\n":                           real,
		"env:\n  LEADMAGIC_API_KEY: |2- # text\r\n\r\n      8f3a77\r\n":     "8f3a77",
		"LEADMAGIC_API_KEY:\n 8f3a77\n":                                     "8f3a77",
		"LEADMAGIC_API_KEY:\n  8f3a77\n":                                    "8f3a77",
		"LEADMAGIC_API_KEY: # the key\n  # here\n  8f3a77 # it is\n":        "8f3a77",
		"LEADMAGIC_API_KEY:\n  '8f3a77'\n":                                  "8f3a77",
		"LEADMAGIC_API_KEY = \"\"\"\n8f3a77\"\"\"\n":                        "8f3a77",
		`X-LeadMagic-Key: Bearer 8f3a77`:                                    "8f3a77",
		`"x-leadmagic-key": "Bearer 8f3a77"`:                                "8f3a77",
		`LEADMAGIC_API_KEY="'8f3a77'"`:                                      "8f3a77",
		`LEADMAGIC_API_KEY=" 8f3a77 "`:                                      "8f3a77",
		`LEADMAGIC_API_KEY := 8f3a77`:                                       "8f3a77",
		`LEADMAGIC_API_KEY ?= 8f3a77`:                                       "8f3a77",
		`'x-leadmagic-key' => '8f3a77'`:                                     "8f3a77",
		`LEADMAGIC_API_KEY=8f3a77 # a comment`:                              "8f3a77",
		`LEADMAGIC_API_KEY: bG1fMDEyMzQ1Njc4OWFiY2RlZg==`:                   "bG1fMDEyMzQ1Njc4OWFiY2RlZg==",
		`LEADMAGIC_API_KEY: OGYzYTc3Cg==`:                                   "OGYzYTc3Cg==",
		`LEADMAGIC_API_KEY=550e8400-e29b-41d4-a716-446655440000`:            "550e8400-e29b-41d4-a716-446655440000",
		`LEADMAGIC_API_KEY=qwertzuiopasdfghjklyxcvb`:                        "qwertzuiopasdfghjklyxcvb",
		`LEADMAGIC_API_KEY=aBcDeFgHi`:                                       "aBcDeFgHi",
		`LEADMAGIC_API_KEY=aBcDeFgHijkl`:                                    "aBcDeFgHijkl",
		`LEADMAGIC_API_KEY=aBcDeFgHiJkLmNop`:                                "aBcDeFgHiJkLmNop",
		`LEADMAGIC_API_KEY=test-8f3a77c0de`:                                 "test-8f3a77c0de",
		`LEADMAGIC_API_KEY=lm_abc`:                                          "lm_abc",
		`LEADMAGIC_API_KEY=lm_test_0123456789abcdef`:                        "lm_test_0123456789abcdef",
		`LEADMAGIC_API_KEY=lm_dummy0123456789abcdef`:                        "lm_dummy0123456789abcdef",
		`LEADMAGIC_API_KEY=lm_yourREALk3y5x7f3a77c0`:                        "lm_yourREALk3y5x7f3a77c0",
		`{"text": "the key:\n` + real + `"}`:                                real,
		`{"text": "the key\u003d` + real + `"}`:                             real,
		`https://x/?u=y%3Fkey%3D` + real:                                    real,
		"- name: LEADMAGIC_API_KEY\n  value: 8f3a77\n":                      "8f3a77",
		"- name: LEADMAGIC_API_KEY\n  value: >-\n    8f3a77\n":              "8f3a77",
		`{"name":"LEADMAGIC_API_KEY","value":"8f3a77"}`:                     "8f3a77",
		`{"name": "LEADMAGIC_API_KEY", "value": "8f3a77"}`:                  "8f3a77",
		`<add key="LEADMAGIC_API_KEY" value="8f3a77"/>`:                     "8f3a77",
		`note: TODO rotate ` + real:                                         real,
		`alias: *` + real:                                                   real,
		"LEADMAGIC_API_KEY: " + real + " # TODO none dummy test replace-me": real,
	} {
		for _, degree := range []suspicion{inEditor, inConfig} {
			var got []string
			for _, h := range hits([]byte(text), degree) {
				got = append(got, text[h.from:h.to])
			}
			if !slices.Equal(got, []string{want}) {
				t.Errorf("%s: found %q, want %q (suspicion %d)", text, got, want, degree)
			}
		}
	}
}

func TestALineThatAllowsItsKey(t *testing.T) {
	const key = "LEADMAGIC_API_KEY=" + canary
	for text, want := range map[string]int{
		key + " # leadmagic-mcp-proxy: allow\n":                                         1,
		`{"LEADMAGIC_API_KEY": "` + canary + `"} // leadmagic-mcp-proxy:allow (a test)`: 1,
		`"LEADMAGIC_API_KEY": "` + canary + `", "//": "leadmagic-mcp-proxy: allow"`:     1,
		"LEADMAGIC_API_KEY: >- # leadmagic-mcp-proxy: allow\n  " + canary + "\n":        1,
		"leadmagic-mcp-proxy: allow: " + key:                                            1,
		"xleadmagic-mcp-proxy: allow: " + key:                                           0,
		"# leadmagic-mcp-proxy: allow\n" + key + "\n":                                   0,
		key + "\n# leadmagic-mcp-proxy: allow\n":                                        0,
		key + " # leadmagic-mcp-proxy: allowed\n":                                       0,
		key + " # allow\n": 0,
		"\n" + key + " # leadmagic-mcp-proxy: allow\r\n" + key + "\n":                           1,
		"LEADMAGIC_API_KEY:\n  " + canary + " # leadmagic-mcp-proxy: allow\n\n" + canary + "\n": 1,
	} {
		got, all := 0, keysIn([]byte(text), inConfig)
		for _, k := range all {
			if k.allowed {
				got++
			}
		}
		if got != want || len(all) == 0 {
			t.Errorf("%q: %d of %d allowed, want %d", text, got, len(all), want)
		}
	}
}
