package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (s *Sandbox) serveREST(w http.ResponseWriter, r *http.Request) {
	id := fmt.Sprintf("req_sandbox_%08d", s.served.Add(1))
	now := time.Now()
	left, reset := s.rate(now, 1)
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("RateLimit-Limit", strconv.Itoa(rateLimit))
	h.Set("RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Limit", strconv.Itoa(rateLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Remaining-Daily", "500000")
	if strings.HasPrefix(r.URL.Path, "/v3/") { // LeadMagic documents seconds on v1 and an epoch second on v3
		h.Set("RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
		h.Set("X-RateLimit-RPS-Limit", "5")
		h.Set("X-RateLimit-RPS-Remaining", "4")
		h.Set("X-RateLimit-RPS-Reset", strconv.FormatInt(now.Unix()+1, 10))
	} else {
		h.Set("RateLimit-Reset", strconv.Itoa(int(reset.Sub(now).Seconds())+1))
	}
	if why := s.authorizeREST(r); why != nil {
		s.refuseREST(w, why)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.routes().ServeHTTP(w, r)
}

// newRoutes are the routes of the REST API.
func (s *Sandbox) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, op := range operations() {
		for _, route := range op.routes {
			mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) { s.serveOperation(w, r, op) })
			method, path, _ := strings.Cut(route, " ")
			methods[path] = append(methods[path], method)
		}
	}
	for path, list := range methods { // which the mux takes for any other method
		allowed := strings.Join(list, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allowed)
			s.refuseREST(w, refuse(http.StatusMethodNotAllowed, "method_not_allowed", "this route takes "+allowed))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.refuseREST(w, refuse(http.StatusNotFound, "resource_not_found", "there is no such route"))
	})
	return mux
}

// serveOperation answers one REST call whose key is good.
func (s *Sandbox) serveOperation(w http.ResponseWriter, r *http.Request, op *operation) {
	in, why := restInput(r, op)
	var found answer
	if why == nil {
		found, why = s.carryOut("rest", op, in)
	}
	if why != nil {
		s.refuseREST(w, why)
		return
	}
	h := w.Header()
	if found.consumed {
		h.Set("X-Credits-Consumed", toCents(found.credits).String())
	}
	h.Set("X-Credits-Cost", toCents(found.credits).String())
	h.Set("X-Credits-Remaining", toCents(s.Balance()).String())
	writeJSON(w, http.StatusOK, found.body)
}

// restInput gathers the arguments of a REST call from body, query and path.
func restInput(r *http.Request, op *operation) (input, *refusal) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_json", "the body cannot be read")
	}
	if len(raw) > 0 {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, refuse(http.StatusBadRequest, "invalid_json", "send Content-Type: application/json")
		}
	}
	in, why := decodeInput(raw)
	if why != nil {
		return nil, why
	}
	for _, p := range op.params {
		value := r.PathValue(p.name)
		if r.Method == http.MethodGet {
			value = cmp.Or(value, r.URL.Query().Get(p.name))
		}
		switch {
		case value == "":
		case p.kind == "integer":
			in[p.name] = json.Number(value)
		default:
			in[p.name] = value
		}
	}
	return in, nil
}

// refuseREST answers with a problem body.
func (s *Sandbox) refuseREST(w http.ResponseWriter, why *refusal) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Credits-Cost", "0.00")
	if why.Status != http.StatusUnauthorized {
		h.Set("X-Credits-Remaining", toCents(s.Balance()).String())
	}
	writeJSON(w, why.Status, why.body(h.Get("X-Request-Id")))
}

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

// body is the refusal as LeadMagic writes it: RFC 9457 objects in an array.
func (r *refusal) body(requestID string) object {
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

// writeJSON writes body, under the content type that is set already or as JSON.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, _ := json.Marshal(body) // it holds texts and numbers
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(data) // the peer may be gone
}
