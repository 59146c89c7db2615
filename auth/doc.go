// Package auth finds the LeadMagic API key and puts it on requests to one origin, and takes copies of it
// out of what comes back. It knows nothing of the messages that the requests carry.
package auth
