package rest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// arguments are what a call gives, as JSON: values are passed on as they came, so that no number loses a
// digit. A null or an empty text is an argument that is not given; models fill in forms.
type arguments struct {
	tool   *tool
	values map[string]json.RawMessage
}

// read takes the arguments of a call and says what is wrong with them. Nothing is sent when something is.
func (t *tool) read(raw json.RawMessage) (arguments, []fault) {
	a := arguments{tool: t, values: make(map[string]json.RawMessage)}
	var members map[string]json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &members); err != nil {
			return a, []fault{{"arguments", "must be an object"}}
		}
	}
	faults := unknown("", members, t.params)
	for _, p := range t.params {
		value, ok := members[p.name]
		switch {
		case ok && !blank(value):
			wrong := p.check(p.name, value)
			if wrong == nil {
				value = p.sent(value)
			}
			a.values[p.name] = value
			faults = append(faults, wrong...)
		case p.required:
			faults = append(faults, fault{p.name, "is missing"})
		}
	}
	for _, group := range t.oneOf {
		if !a.anyGiven(group) {
			faults = append(faults, fault{strings.Join(group, " or "), "is missing"})
		}
	}
	if faults == nil && t.rule != nil {
		faults = t.rule(a)
	}
	return a, faults
}

// blank reports whether a value stands for none.
func blank(raw json.RawMessage) bool {
	if bytes.Equal(raw, []byte("null")) {
		return true
	}
	return raw[0] == '"' && strings.TrimSpace(text(raw)) == ""
}

func (a arguments) given(name string) bool { return a.values[name] != nil }

func (a arguments) anyGiven(names []string) bool {
	return slices.ContainsFunc(names, a.given)
}

// value is an argument, or what is sent in its stead when it is not given; nil if that is nothing.
func (a arguments) value(p param) json.RawMessage {
	if v := a.values[p.name]; v != nil || !p.send {
		return v
	}
	preset, _ := json.Marshal(p.preset) // an int, a bool or a string
	return preset
}

// text is a text argument, or its preset, or "".
func (a arguments) text(name string) string {
	if v := a.values[name]; v != nil {
		return text(v)
	}
	preset, _ := a.preset(name).(string)
	return preset
}

// number is an integer argument, or its preset, or 0.
func (a arguments) number(name string) float64 {
	if v := a.values[name]; v != nil {
		n, _ := strconv.ParseFloat(string(v), 64) // checked before
		return n
	}
	preset, _ := a.preset(name).(int)
	return float64(preset)
}

// flag is a boolean argument; one that is not given is false.
func (a arguments) flag(name string) bool { return string(a.values[name]) == "true" }

// date is an argument that is a date, as far as it is one.
func (a arguments) date(name string) (time.Time, bool) {
	d, err := time.Parse(time.DateOnly, a.text(name))
	return d, err == nil
}

func (a arguments) preset(name string) any {
	for _, p := range a.tool.params {
		if p.name == name {
			return p.preset
		}
	}
	return nil
}

// text is the value of a JSON string, or a number or boolean as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
