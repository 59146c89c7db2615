package rest

import (
	"context"
	"encoding/json"
	"net/http"
)

// Credits asks LeadMagic for the balance: a free call, which proves a key. The balance is empty when an answer
// to a good key does not say it. The error is a *problem.Problem.
func Credits(ctx context.Context, client *http.Client, baseURL string) (json.Number, error) {
	t := byName(table())["check_credits"]
	args, _ := t.read(nil)
	ans, p := newAPI(client, baseURL, nil).once(ctx, t, args, 0)
	if p != nil {
		return "", p
	}
	var body struct {
		Credits json.RawMessage `json:"credits"`
	}
	_ = json.Unmarshal(ans.body, &body) // what cannot be read says no balance
	return firstNumber(text(body.Credits), ans.header.Get("X-Credits-Remaining")), nil
}
