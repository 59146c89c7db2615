package sandbox

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
)

// notice is in every answer.
const notice = "invented by the LeadMagic sandbox: no real person, company or number"

// A generator is a source of pseudo-random values: the same words always give the same ones.
type generator struct{ state uint64 }

func generatorOf(words ...string) *generator {
	h := fnv.New64a()
	for _, word := range words {
		h.Write([]byte(strings.ToLower(word)))
		h.Write([]byte{0})
	}
	return &generator{state: h.Sum64()}
}

// next is splitmix64.
func (g *generator) next() uint64 {
	g.state += 0x9e3779b97f4a7c15
	z := g.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func (g *generator) pick(list []string) string { return list[g.next()%uint64(len(list))] }

// between is a number from lo to hi, both included.
func (g *generator) between(lo, hi int) int { return lo + int(g.next()%uint64(hi-lo+1)) }

var (
	firstNames = []string{"Ada", "Blaise", "Carl", "Dorothea", "Emmy", "Florian", "Greta", "Hedwig", "Ivo", "Jocelyn", "Katalin", "Lise"}
	lastNames  = []string{"Ashgrove", "Birchwick", "Coppergate", "Dunmarrow", "Elderby", "Fernsworth", "Gorsewell", "Hollowmere", "Inkberry", "Juniperton"}
	titles     = []string{"Head of Sales", "VP Marketing", "Chief Executive Officer", "Account Executive", "Data Engineer", "Head of Operations", "Product Manager"}
	industries = []string{"Software Development", "Logistics", "Renewable Energy", "Medical Devices", "Financial Services", "Food Production"}
	cities     = []string{"Sandford", "Quarry Bay", "Dune Harbor", "Pebble Creek", "Loam City"}
	countries  = []string{"Sandboxia", "Examplonia", "Placeholderland"}
	techs      = []string{"Gritstore", "Shoalbase", "Dunelytics", "Pebbleform", "Quarry CDN", "Siltmail", "Loam CRM"}
)

// person is an invented human being.
type person struct{ first, last, title, domain, company string }

func (p person) name() string { return strings.TrimSpace(p.first + " " + p.last) }

func (p person) email() string {
	local := slug(p.first)
	if p.last != "" {
		local += "." + slug(p.last)
	}
	return local + "@" + p.domain
}

func (p person) profile() string { return "https://profiles.example/in/" + slug(p.name()) }

// mobile is a number from the range kept for fiction.
func (p person) mobile() string {
	g := generatorOf("mobile", p.name(), p.domain)
	return fmt.Sprintf("+1-%s-555-01%d%d", g.pick([]string{"202", "303", "404", "505"}), g.between(0, 9), g.between(0, 9))
}

// personNamed takes the name from the input and invents the rest.
func personNamed(full, domain, company string) person {
	first, last, _ := strings.Cut(strings.TrimSpace(full), " ")
	g := generatorOf("person", full, domain, company)
	domain, company = companyOf(domain, company)
	return person{first: first, last: strings.TrimSpace(last), title: g.pick(titles), domain: domain, company: company}
}

// personAt invents the n-th person of a company.
func personAt(domain, company string, n int, title string) person {
	g := generatorOf("staff", domain, company, string(rune('a'+n%26)), string(rune('a'+n/26)))
	full := g.pick(firstNames) + " " + g.pick(lastNames)
	p := personNamed(full, domain, company)
	if title != "" {
		p.title = title
	}
	return p
}

// personBehind reads a profile URL or slug, or an email address, as a name.
func personBehind(handle string) person {
	handle = strings.TrimRight(handle, "/")
	domain := ""
	if local, host, ok := strings.Cut(handle, "@"); ok {
		handle, domain = local, host
	} else if i := strings.LastIndexByte(handle, '/'); i >= 0 {
		handle = handle[i+1:]
	}
	words := strings.FieldsFunc(handle, func(r rune) bool { return !unicode.IsLetter(r) })
	for i, word := range words {
		words[i] = capital(word)
	}
	g := generatorOf("behind", handle)
	if len(words) == 0 {
		words = []string{g.pick(firstNames)}
	}
	if len(words) == 1 {
		words = append(words, g.pick(lastNames))
	}
	if domain == "" {
		domain = slug(g.pick(lastNames)) + ".example"
	}
	return personNamed(strings.Join(words, " "), domain, "")
}

// companyOf fills in what is missing of a company's domain and name.
func companyOf(domain, company string) (string, string) {
	domain = strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(domain), "https://"), "http://"))
	domain, _, _ = strings.Cut(strings.TrimPrefix(domain, "www."), "/")
	if domain == "" {
		if company == "" {
			company = generatorOf("company").pick(lastNames)
		}
		domain = slug(company) + ".example"
	}
	if company == "" {
		label, _, _ := strings.Cut(domain, ".")
		company = capital(label)
	}
	return domain, company
}

func capital(word string) string {
	runes := []rune(strings.ToLower(word))
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}

// slug is lower case with hyphens between words, fit for an address or a path.
func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "unnamed"
	}
	return strings.Join(words, "-")
}
