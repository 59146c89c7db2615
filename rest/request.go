package rest

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// request is the call as LeadMagic takes it. What a model wrote is escaped, so that it reaches no other path.
func (t *tool) request(ctx context.Context, base string, a arguments) (*http.Request, error) {
	path := t.path
	if t.route != nil {
		path = t.route(a)
	}
	query := url.Values{}
	var body bytes.Buffer
	separator := byte('{')
	for _, p := range t.params {
		value := a.value(p)
		if value == nil {
			continue
		}
		switch p.place {
		case inPath:
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(text(value)))
		case inQuery:
			query.Set(p.name, placed(p, a))
		default:
			body.WriteByte(separator)
			body.WriteString(strconv.Quote(p.name) + ":")
			body.Write(value)
			separator = ','
		}
	}
	target, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	target = target.JoinPath(path)
	if len(query) > 0 {
		target.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+query.Encode(), "&")
	}
	if t.method == http.MethodGet {
		return http.NewRequestWithContext(ctx, t.method, target.String(), http.NoBody)
	}
	if body.Len() == 0 {
		body.WriteByte('{')
	}
	body.WriteByte('}')
	req, err := http.NewRequestWithContext(ctx, t.method, target.String(), bytes.NewReader(body.Bytes()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// placed is an argument as a URL has it: an integer may come as 7.0.
func placed(p param, a arguments) string {
	if p.kind == "integer" {
		return strconv.FormatFloat(a.number(p.name), 'f', -1, 64)
	}
	return a.text(p.name)
}
