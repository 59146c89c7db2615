package auth

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// unfilled names the shape of a reference that an editor or a shell was meant to replace, or is empty. The
// text itself is shown only if it is nothing but our own variable's name: some editors leave the dollar and
// put the key behind it.
func unfilled(s string) string {
	for _, shape := range []struct{ open, end, shown string }{
		{"${input:", "}", "${input:…}"},
		{"${env:", "}", "${env:…}"},
		{"${file:", "}", "${file:…}"},
		{"${{", "}}", "${{…}}"},
		{"${", "}", "${…}"},
		{"$env:", "", "$env:…"},
		{"$(", "", "$(…)"},
		{"$", "", "$…"},
		{"{env:", "}", "{env:…}"},
		{"{file:", "}", "{file:…}"},
		{"{{", "}}", "{{…}}"},
		{"<", ">", "<…>"},
		{"%", "%", "%…%"},
		{"op://", "", "op://…"},
	} {
		inner, opens := strings.CutPrefix(s, shape.open)
		inner, ends := strings.CutSuffix(inner, shape.end)
		if !opens || !ends {
			continue
		}
		if slices.Contains(Variables(), strings.TrimSpace(inner)) {
			return s
		}
		return shape.shown
	}
	return ""
}

// fillers are the words of which documentation makes what stands where a key belongs.
var fillers = []string{
	"add", "api", "apikey", "change", "changeme", "copy", "enter", "env", "example", "here", "insert", "key", "leadmagic", "me",
	"none", "null", "paste", "placeholder", "process", "put", "replace", "replaceme", "sample", "todo", "token", "undefined", "with", "your",
}

// isSample recognizes what documentation prints where a key belongs: nothing but such words, or none at all.
func isSample(s string) bool {
	s = strings.TrimPrefix(strings.ToLower(s), Prefix)
	if strings.Contains(s, "your") && (strings.Contains(s, "key") || strings.Contains(s, "token")) && !strings.ContainsFunc(s, unicode.IsSpace) {
		return true
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return !slices.ContainsFunc(words, func(word string) bool {
		return strings.Trim(word, "x") != "" && !slices.Contains(fillers, word)
	})
}

// foreign are the beginnings of secrets that other services give out, as they have published them. A key of LeadMagic's
// begins with lm_; one that does not is sent all the same, unless it begins like one of these.
var foreign = []string{
	// models: OpenAI, Anthropic and many more
	"sk-", "csk-", "hf_", "api_org_", "r8_", "gsk_", "xai-", "pplx-", "nvapi-", "tgp_v1_", "fw_", "jina_", "lsv2_", "ls__", "tvly-", "fc-", "e2b_", "rpa_",
	// payment, shops, mail and customers: Stripe, Clerk, Shopify, Square, SendGrid, HubSpot and others
	"sk_", "pk_", "pk-", "rk_", "whsec_", "shpat_", "shpss_", "shpca_", "shppa_", "shptka_", "sq0", "rzp_", "FLWSECK", "FLWPUBK", "EZAK", "EZTK",
	"shippo_", "duffel_", "access-sandbox-", "access-production-", "cal_live_", "apify_api_", "SG.", "pat-na", "pat-eu",
	// GitHub, GitLab, Atlassian, Slack
	"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
	"glsoat-", "gloas-", "glffct-", "glwt-", "GR1348941", "ATATT", "ATCTT", "ATBB", "ATTA", "xox", "xapp-", "xwfp-",
	// Amazon, Google, other clouds, and databases
	"AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA", "AGPA", "AIPA", "ANPA", "ANVA", "ABSK", "AIza", "ya29.", "1//0", "GOCSPX-", "AQ.A",
	"dop_v1_", "doo_v1_", "dor_v1_", "HRKU-", "rnd_", "nfp_", "fm1_", "fm2_", "fo1_", "FlyV1", "vcp_", "vck_", "sbp_", "sb_secret_", "sb_publishable_",
	"pscale_", "LTAI", "AKID", "tskey-", "pul-",
	// registries of packages, and stores of secrets
	"npm_", "pypi-", "rubygems_", "CLOJARS_", "dckr_pat_", "dckr_oat_", "hvs.", "hvb.", "hvr.", "ops_", "A3-", "AGE-SECRET-KEY-", "dp.",
	// tools, monitoring and builds
	"lin_api_", "lin_oauth_", "ntn_", "figd_", "figo_", "PMAK-", "PMAT-", "CFPAT-", "rdme_", "sgp_", "sl.", "fio-u-", "waka_", "glsa_", "glc_",
	"sntrys_", "sntryu_", "NRAK-", "NRII-", "NRJS-", "NRAA-", "phc_", "phx_", "phs_", "dt0", "bkua_", "CCIPAT_", "CCIPRJ_", "sqp_", "squ_", "sqa_",
	// a JSON web token, of anybody
	"eyJ",
}

// foreignShapes are secrets whose beginning alone could be that of any: of Twilio, Mailgun, Databricks, crates.io, NuGet,
// Notion, Resend, Voyage and Facebook.
var foreignShapes = regexp.MustCompile(`^(?:(?:SK|AC|key-|dapi)[0-9a-f]{32}|cio[0-9A-Za-z]{32}|oy2[0-9a-z]{43}|secret_[0-9A-Za-z]{43}` +
	`|re_[0-9A-Za-z]{8,}_[0-9A-Za-z]{20,}|pa-[0-9A-Za-z_-]{40,}|EAA[0-9A-Za-z]{40,})$`)

// isForeign recognizes secrets of services that people keep beside LeadMagic's.
func isForeign(s string) bool {
	return foreignShapes.MatchString(s) || slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}
