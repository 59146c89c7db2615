package rest

import "math"

// A price is what a call costs. The zero price is free.
type price struct {
	short string // in a table, as "5 if found"
	text  string // in a sentence, after "Costs"
	// most is the worst case of a call in credits.
	most func(arguments) float64
	// rows is the argument that bounds the rows paid for, if they are paid for one by one.
	rows string
}

// flat is a price that does not depend on the arguments.
func flat(credits float64, short, text string) price {
	return price{short: short, text: text, most: func(arguments) float64 { return credits }}
}

// perRow is a price of base and of each row that the argument rows allows.
func perRow(base, each float64, rows, short, text string) price {
	return price{short: short, text: text, rows: rows, most: func(a arguments) float64 { return base + each*a.number(rows) }}
}

// Costs is the worst-case cost of calls over the REST API, in credits. A call that is refused before it is
// sent costs nothing. The cost is not known of tools that are not in the table.
func Costs() func(tool string, args []byte) (credits float64, known bool) {
	tools := byName(table())
	return func(name string, args []byte) (float64, bool) {
		t := tools[name]
		switch {
		case t == nil:
			return 0, false
		case t.free():
			return 0, true
		}
		a, faults := t.read(args)
		if faults != nil {
			return 0, true
		}
		return t.worst(a), true
	}
}

// HostedCosts is the worst-case cost of calls to the hosted server, as far as the same table tells: its tools
// of these names run the same lookups, but may take other arguments and other limits. So the cost is known
// of free tools, and of calls whose arguments the table knows and which say how many rows they want.
func HostedCosts() func(tool string, args []byte) (credits float64, known bool) {
	tools := byName(table())
	return func(name string, args []byte) (float64, bool) {
		t := tools[name]
		switch {
		case t == nil:
			return 0, false
		case t.free():
			return 0, true
		}
		a, faults := t.read(args)
		if faults != nil || t.price.rows != "" && !a.given(t.price.rows) {
			return 0, false
		}
		return t.worst(a), true
	}
}

// worst rounds to what LeadMagic bills, so that 3 × 0.05 is 0.15.
func (t *tool) worst(a arguments) float64 { return math.Round(t.price.most(a)*100) / 100 }
