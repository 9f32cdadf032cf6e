"""PP-OCRv6, run by RapidOCR. Other engines that must read pictures may use `recognizer`."""
