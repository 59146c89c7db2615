package streamable

// What tests of the behaviour need to know.
const (
	MaxMessage         = maxMessage
	SleepGap           = sleepGap
	ReadFor            = readFor
	InitializeFor      = initializeFor
	LimitFor           = limitFor
	ReachFor           = reachFor
	InitializeLimit    = initializeLimit
	GETStreamFor       = getStreamFor
	RenewFor           = renewFor
	ResumePause        = resumePause
	ResumeFor          = resumeFor
	LongestResumePause = longestResumePause
	ShortestPause      = shortestPause
	LongestPause       = longestPause
	LingerFor          = lingerFor
	LateFor            = lateFor
)

// HoldsMemory reports whether the memory for a message is not all free.
func (c *Client) HoldsMemory() bool {
	most := int64(c.memory.most)
	if !c.memory.medium.TryAcquire(most) {
		return true
	}
	defer c.memory.medium.Release(most)
	if !c.memory.large.TryAcquire(most) {
		return true
	}
	c.memory.large.Release(most)
	return false
}

// LimitMemory makes most what one message may hold. Nothing must be reserved.
func (c *Client) LimitMemory(most int) { c.memory = newMemory(most) }
