// Package auth finds the LeadMagic API key, puts it on requests to one origin, and takes copies of it out of what the
// program writes. It knows nothing of the messages that the requests carry.
package auth
