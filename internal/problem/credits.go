package problem

import (
	"math"
	"strconv"
)

// Credits is an amount of LeadMagic's credits in millionths, so that 0.05 adds up.
type Credits int64

const (
	// Credit is one credit.
	Credit Credits = 1e6
	// MaxCredits bounds what one amount can be, so that no sum of them overflows. Nobody has so many.
	MaxCredits = 1e9 * Credit
)

// ToCredits is f credits, which are not less than none. Some never become none.
func ToCredits(f float64) Credits {
	c := Credits(math.Round(min(f, MaxCredits.Float()) * float64(Credit)))
	if c == 0 && f > 0 {
		return 1
	}
	return c
}

// Float is c as a number of credits.
func (c Credits) Float() float64 { return float64(c) / float64(Credit) }

// String is c as a decimal number of credits.
func (c Credits) String() string { return strconv.FormatFloat(c.Float(), 'f', -1, 64) }

// Words is c with its unit.
func (c Credits) Words() string {
	if c == Credit {
		return "1 credit"
	}
	return c.String() + " credits"
}
