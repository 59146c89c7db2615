package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Credits asks LeadMagic what is left: a free call, which proves a key. CreditsLeft is empty when an answer to a
// good key does not say it. The error is a *problem.Problem.
func Credits(ctx context.Context, client *http.Client, baseURL string) (Usage, error) {
	t := byName(table())[problem.BalanceTool]
	args, _ := t.read(nil)
	ans, p := newAPI(client, baseURL, nil).once(ctx, t, args, 0)
	if p != nil {
		return Usage{}, p
	}
	var body struct {
		Credits json.RawMessage `json:"credits"`
	}
	_ = json.Unmarshal(ans.body, &body) // what cannot be read says no balance
	usage := usageOf(t, ans, nil, nil, time.Now())
	usage.CreditsLeft = firstNumber(text(body.Credits), usage.CreditsLeft.String())
	return usage, nil
}
