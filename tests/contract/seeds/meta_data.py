models.data[0].meta_data
