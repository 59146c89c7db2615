package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// object is a JSON object in an answer; encoding/json sorts its names, so that answers are deterministic.
type object = map[string]any

// refusal is why a call was not carried out. Nothing is charged for it.
type refusal struct {
	Status  int
	Code    string // LeadMagic's error code
	Detail  string
	Param   []string // the fields to blame
	Action  string   // what to do about it
	Context object   // numbers that go with the code
}

func refuse(status int, code, detail string, param ...string) *refusal {
	return &refusal{Status: status, Code: code, Detail: detail, Param: param}
}

// noCredits is the refusal of a call that costs more than is left.
func noCredits(required, available float64) *refusal {
	r := refuse(http.StatusPaymentRequired, "insufficient_credits", "not enough credits for this request")
	r.Action = "buy credits at https://app.leadmagic.io/settings/billing"
	r.Context = object{
		"credits_required":  required,
		"credits_available": available,
		"credits_needed":    (toCents(required) - toCents(available)).credits(),
	}
	return r
}

// The forms in which LeadMagic's documents show an error body, newest first.
const (
	FormErrors  = "errors"  // {"success":false,"errors":[{…}],"meta":{…}}: RFC 9457 objects in an array
	FormFlat    = "flat"    // {"type":…,"title":…,"code":…,"trace":{"request_id":…}}
	FormMessage = "message" // {"error":"Bad Request","message":…}
	FormNested  = "nested"  // {"error":{"code":…,"message":…,"status":…}}
)

// body is the refusal in one of the forms; an unknown one is the newest.
func (r *refusal) body(form, requestID string) object {
	switch form {
	case FormMessage:
		return object{"error": http.StatusText(r.Status), "message": r.Detail}
	case FormNested:
		return object{"error": object{"code": strings.ToUpper(r.Code), "message": r.Detail, "status": r.Status}}
	}
	p := object{
		"type":   "https://api.leadmagic.io/errors/" + r.Code,
		"title":  http.StatusText(r.Status),
		"status": r.Status,
		"detail": r.Detail,
		"code":   r.Code,
		"docs":   "https://leadmagic.io/docs",
	}
	if r.Action != "" {
		p["action"] = r.Action
	}
	if len(r.Param) > 0 {
		p["param"] = r.Param
	}
	if r.Context != nil {
		p["context"] = r.Context
	}
	if form == FormFlat {
		p["trace"] = object{"request_id": requestID}
		return p
	}
	return object{
		"success": false,
		"errors":  []object{p},
		"meta":    object{"request_id": requestID, "timestamp": "2026-11-23T12:00:00Z", "environment": "sandbox"},
	}
}

// String is the refusal as a hosted tool would tell a model.
func (r *refusal) String() string {
	text := r.Detail
	if len(r.Param) > 0 {
		text += " (" + strings.Join(r.Param, ", ") + ")"
	}
	if r.Action != "" {
		text += "; " + r.Action
	}
	return text
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, status, body)
}

// writeBody writes body as JSON under the content type already set.
func writeBody(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "sandbox: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(data) // the peer may be gone
}
