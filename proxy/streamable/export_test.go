package streamable

// What tests of the behaviour need to know.
const (
	MaxMessage         = maxMessage
	SleepGap           = sleepGap
	ReadFor            = readFor
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
