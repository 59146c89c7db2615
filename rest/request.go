package rest

import (
	"bytes"
	"context"
	"encoding/json"
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
	body := objectOf(t.params, func(p param) json.RawMessage {
		value := a.value(p)
		switch {
		case value == nil:
		case p.place == inPath:
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(text(value)))
			value = nil
		case p.place == inQuery:
			query.Set(p.name, text(value))
			value = nil
		}
		return value
	})
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
	req, err := http.NewRequestWithContext(ctx, t.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// objectOf is a JSON object of the fields that have a value.
func objectOf(fields []param, value func(param) json.RawMessage) []byte {
	object := []byte("{")
	for _, field := range fields {
		v := value(field)
		if v == nil {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(strconv.AppendQuote(object, field.name), ':')
		object = append(object, v...)
	}
	return append(object, '}')
}
